"""The secrets of each API, from the types of its SDK and their documentation.

google-genai 3.6.1, openai 3.57.0 and anthropic 2.14.0.

Deliberately not secret, because it opens nothing by itself: names of Secret Manager resources (`api_key_secret`,
`credential_secret`), ids of stored credentials (`credential`, `credential_id`), hints (`truncated_secret`,
`partial_key_hint`), tokens that continue a list, an interaction or a session (`page_token`, `continuation_token`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.providers.secrets import Declared, Secrets, all_of

_MCP: Final = (
    "$..tools.headers.*",
    "$..mcp_server.headers.*",
    "$..mcp_servers.headers.*",
    "$..streamable_http_transport.headers.*",
    "$..transport.headers.*",
)
"""Headers that an MCP server is called with."""

_STORED_CREDENTIAL: Final = (
    "$..token",
    "$..access_token",
    "$..refresh_token",
    "$..id_token",
    "$..client_secret",
    "$..api_key",
    "$..password",
    "$..private_key",
    "$..secret",
    "$..secret_value",
    "$..value",
)
"""What a credential is made of that an API keeps: bearer tokens, OAuth clients, environment variables."""

_GOOGLE_ANYWHERE: Final = (
    *_MCP,
    "$..auth_config.api_key",
    "$..api_key_config.api_key_string",
    "$..oauth_config.access_token",
    "$..oidc_config.id_token",
    "$..exa_ai_search.api_key",
    "$..exa_ai_search_config.api_key",
    "$..parallel_ai_search.api_key",
    "$..parallel_ai_search_config.api_key",
    "$..allowlist.transform.*",
    "$..environment.env.*",
    "$..environment.env.*.value",
    "$..new_signing_secret",
)

_GOOGLE_HELD: Final = (
    # The name of a token of the Live API is the token itself.
    (rb"/auth_tokens(?:[/?:]|$)", ("$.auth_token",), ("$.name", "$.auth_tokens.name", "$..token", "$..auth_token")),
    (rb"/webhooks(?:[/?:]|$)", ("$..secret",), ("$..new_signing_secret", "$..secret")),
    (rb"/credentials(?:[/?:]|$)", _STORED_CREDENTIAL, _STORED_CREDENTIAL),
)

GOOGLE: Final = Declared(
    headers=(
        *(b"x-goog-api-key", b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"),
        *(b"x-goog-iam-authorization-token", b"x-goog-authenticated-user-jwt", b"x-serverless-authorization"),
    ),
    queries=(b"key", b"access_token", b"api_key", b"oauth_token", b"auth_token"),
    path_segments=(rb"/auth_tokens/([^/:?]+)",),
    held=_GOOGLE_HELD,
    elsewhere=_GOOGLE_ANYWHERE,
)

OPENAI: Final = Declared(
    # Azure: `api-key`; Azure API Management: `ocp-apim-subscription-key`.
    headers=(b"authorization", b"api-key", b"ocp-apim-subscription-key", b"x-ms-authorization-auxiliary"),
    queries=(b"api-key", b"subscription-key", b"sig"),
    held=(
        (rb"/client_secrets(?:[/?]|$)", (), ("$.value", "$..client_secret", "$..client_secret.value")),
        (
            rb"/(?:realtime|chatkit)/(?:transcription_)?sessions(?:[/?]|$)",
            (),
            ("$..client_secret", "$..client_secret.value"),
        ),
        (rb"/vaults/[^/]+/credentials(?:[/?]|$)", _STORED_CREDENTIAL, _STORED_CREDENTIAL),
        (rb"/(?:admin_api_keys|api_keys|service_accounts)(?:[/?]|$)", (), ("$..value", "$..api_key.value")),
        (rb"/webhook_endpoints(?:[/?]|$)", (), ("$..signing_secret", "$..secret")),
    ),
    elsewhere=(
        *_MCP,
        "$..tools.authorization",
        "$..tools.transport.authorization",
        "$..transport.authorization",
        "$..domain_secrets.value",
        "$..client_secret",
        "$..client_secret.value",
        "$..signing_secret",
    ),
)

ANTHROPIC: Final = Declared(
    headers=(b"x-api-key", b"authorization"),
    held=(
        (rb"/vaults/[^/]+/credentials(?:[/?]|$)", _STORED_CREDENTIAL, _STORED_CREDENTIAL),
        (rb"/(?:reveal|rotate)_token(?:[/?]|$)", (), ("$..tunnel_token", "$..token")),
        (rb"/webhook", (), ("$..signing_secret", "$..secret")),
        (rb"/telemetry_destinations(?:[/?]|$)", ("$..headers.*",), ("$..headers.*",)),
        (rb"/environments/[^/]+/work", ("$..secret",), ("$..secret",)),
    ),
    elsewhere=("$..authorization_token", "$..tunnel_token", "$..signing_secret"),
)

_ALL: Final = (GOOGLE, OPENAI, ANTHROPIC)

SECRETS: Final[Mapping[str, Secrets]] = {
    "gemini": all_of(GOOGLE, _ALL),
    "vertex": all_of(GOOGLE, _ALL),
    "code_assist": all_of(GOOGLE, _ALL),
    "openai": all_of(OPENAI, _ALL),
    "anthropic": all_of(ANTHROPIC, _ALL),
}
"""By the provider's name."""

UNKNOWN: Final = all_of(
    Declared(held=tuple(each for api in _ALL for each in api.held)),
    _ALL,
)
"""Of a path that no provider knows."""


def secrets_of(provider: str) -> Secrets:
    """What is secret in the API of a provider; for one that nobody knows, what is secret in any."""
    return SECRETS.get(provider, UNKNOWN)
