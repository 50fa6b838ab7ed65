"""The secrets of OpenAI's API and of those like it, from the types of openai 3.57.0 and OpenAI's documentation.

`OpenAI-Organization` and `OpenAI-Project` are names, and no secrets.
"""

from __future__ import annotations

from typing import Final

from gemtap.providers.common_secrets import MCP_HEADERS, STORED_CREDENTIAL
from gemtap.providers.secrets import Declared

OPENAI: Final = Declared(
    # Azure: `api-key`; Azure API Management: `ocp-apim-subscription-key`.
    headers=(b"authorization", b"api-key", b"ocp-apim-subscription-key", b"x-ms-authorization-auxiliary"),
    queries=(b"api-key", b"subscription-key"),
    # Azure: files and images are handed out so.
    signatures=(b"sig",),
    held=(
        (rb"/client_secrets(?:[/?]|$)", (), ("$.value", "$..client_secret", "$..client_secret.value")),
        (
            rb"/(?:realtime|chatkit)/(?:transcription_)?sessions(?:[/?]|$)",
            (),
            ("$..client_secret", "$..client_secret.value"),
        ),
        (rb"/vaults/[^/]+/credentials(?:[/?]|$)", STORED_CREDENTIAL, STORED_CREDENTIAL),
        (rb"/(?:admin_api_keys|api_keys|service_accounts)(?:[/?]|$)", (), ("$..value", "$..api_key.value")),
        (rb"/environments/templates(?:[/?]|$)", ("$..env.*",), ("$..env.*",)),
        # What a person types into a sign-in form that an agent has come to.
        (rb"/agents/sessions/[^/]+/events(?:[/?]|$)", ("$..response.fields.value",), ()),
        (rb"/webhook_endpoints(?:[/?]|$)", (), ("$..signing_secret", "$..secret")),
    ),
    elsewhere=(
        *MCP_HEADERS,
        "$..tools.authorization",
        "$..tools.transport.authorization",
        "$..transport.authorization",
        "$..transport.env.*",
        "$..domain_secrets.value",
        "$..client_secret",
        "$..client_secret.value",
        "$..signing_secret",
    ),
)
