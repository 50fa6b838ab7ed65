"""Places of secrets that several APIs have in common."""

from __future__ import annotations

from typing import Final

MCP_HEADERS: Final = (
    "$..tools.headers.*",
    "$..mcp_server.headers.*",
    "$..mcp_servers.headers.*",
    "$..streamable_http_transport.headers.*",
    "$..transport.headers.*",
)
"""Headers that an MCP server is called with."""

STORED_CREDENTIAL: Final = (
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
