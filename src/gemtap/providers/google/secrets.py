"""The secrets of Google's APIs, from the types of google-genai 3.6.1 and Google's documentation."""

from __future__ import annotations

from typing import Final

from gemtap.providers.common_secrets import MCP_HEADERS, STORED_CREDENTIAL
from gemtap.providers.secrets import Declared

_ANYWHERE: Final = (
    *MCP_HEADERS,
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
    "$..base_environment.env.*",
    "$..base_environment.env.*.value",
    "$..environment_key",
    "$..new_signing_secret",
)

_HELD: Final = (
    # The name of a token of the Live API is the token itself.
    (rb"/auth_tokens(?:[/?:]|$)", ("$.auth_token",), ("$.name", "$.auth_tokens.name", "$..token", "$..auth_token")),
    (rb"/webhooks(?:[/?:]|$)", ("$..secret",), ("$..new_signing_secret", "$..secret")),
    (rb"/credentials(?:[/?:]|$)", STORED_CREDENTIAL, STORED_CREDENTIAL),
)

GOOGLE: Final = Declared(
    headers=(
        *(b"x-goog-api-key", b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"),
        *(b"x-goog-iam-authorization-token", b"x-goog-authenticated-user-jwt", b"x-serverless-authorization"),
        b"x-guploader-uploadid",
    ),
    queries=(b"key", b"access_token", b"api_key", b"oauth_token", b"auth_token"),
    # The URL of a resumable upload needs no key: https://cloud.google.com/storage/docs/resumable-uploads#session-uris.
    # A file may be named by a signed URL of Google or Amazon.
    signatures=(b"upload_id", b"signature", b"x-goog-signature", b"x-amz-signature", b"x-amz-security-token"),
    path_segments=(rb"/auth_tokens/([^/:?]+)",),
    held=_HELD,
    elsewhere=_ANYWHERE,
)
