"""The name of a client, by which limits for `client:PATTERN` are found: the `client.name` of its interactions."""

from __future__ import annotations

from collections.abc import Mapping

from gemtap.providers.clients import identify


def client_name(headers: Mapping[str, str]) -> str | None:
    """The name by request headers, names in lower case."""
    return identify(headers).name
