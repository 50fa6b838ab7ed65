"""Providers that the settings add: the faces of the API whose dialect they speak, with a name and an upstream of
their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from gemtap.providers.credential import Credential, bearer
from gemtap.providers.definition import Definition
from gemtap.providers.provider import Provider
from gemtap.providers.registry import INSTALLED, Origin, configure
from gemtap.providers.secrets import Declared
from gemtap.providers.wire import RawHeaders, Route, Wire

if TYPE_CHECKING:
    from gemtap.providers.reader import Reader

SETTINGS: Final = Origin("settings", "")
"""Where the providers of the settings come from."""

_VERSION: Final = re.compile(rb"/v\d+[a-z0-9]*")
_BARE: Final = re.compile(
    rb"/(?:chat|completions|embeddings|models|responses|images|audio|files|batches|moderations|messages|rerank)(?=/|$|\?)"
)
"""First segments of paths of APIs whose clients add them to a base URL that ends in a version."""


class ConfiguredWire(Wire):
    """The wire face of a provider of the settings. Its prefix names it, so that every path below that is its."""

    def __init__(self, name: str, definition: Definition, base: Wire) -> None:
        self.name = name
        self.title = definition.title
        self.upstream = definition.upstream
        self.prefix = definition.prefix
        self.secrets: Declared = base.secrets
        self.rewritten_headers = base.rewritten_headers
        self.asking, self.model_in_path = base.asking, base.model_in_path
        self.hosts = _hosts(definition.upstream)
        self._base = base
        self._key_variables = (definition.key,) if definition.key else ()
        self._upstream_path = urlsplit(definition.upstream).path.encode("utf-8")
        self._version = _VERSION.search(self._upstream_path)

    def route(self, path: bytes) -> Route:
        """The path without what the upstream's address ends in already.

        Clients have base URLs of both forms, `/NAME` and `/NAME/v1`, and so do upstreams: `https://host` and
        `https://host/api/v1`. Everything else goes on as it is: the API may have more paths than its dialect's.
        """
        path = b"/" + path.lstrip(b"/")
        begins = self._upstream_path
        while begins:
            if path == begins or path.startswith(begins + b"/"):
                return Route(self.name, path[len(begins) :] or b"/")
            begins = begins[begins.find(b"/", 1) :] if begins.find(b"/", 1) > 0 else b""
        own = self._base.version.encode("ascii") + b"/"
        if self._version is not None and path.startswith(own):
            # The upstream's address ends in another version, such as /api/v4: clients have the dialect's.
            return Route(self.name, path[len(own) - 1 :])
        if self._version is None and _BARE.match(path) is not None:
            path = self._base.version.encode("ascii") + path
        return Route(self.name, path)

    def credential(self, path: bytes) -> Credential:
        """The header of the dialect's API with the key from the variable that the settings name, if any."""
        form = self._base.credential(path) or bearer()
        return replace(form, variables=self._key_variables, needed=bool(self._key_variables))

    def error(self, status: int, code: str, message: str) -> tuple[RawHeaders, bytes]:
        """In the shape of the dialect's API."""
        return self._base.error(status, code, message)

    def limited(self, message: str, retry_after: int) -> tuple[RawHeaders, bytes]:
        """In the shape of the dialect's API."""
        return self._base.limited(message, retry_after)


def _hosts(upstream: str) -> tuple[re.Pattern[str], ...]:
    """The host of an upstream, unless it is a machine without a domain."""
    host = urlsplit(upstream).hostname or ""
    is_domain = "." in host and not host.rpartition(".")[2].isdigit()
    return (re.compile(re.escape(host)),) if is_domain else ()


def provider_of(name: str, definition: Definition) -> Provider:
    """The provider of a definition."""
    base = INSTALLED[definition.dialect]

    def load_reader() -> Reader:
        from gemtap.providers.configured_reader import ConfiguredReader

        return ConfiguredReader(name, definition, base.reader, base.wire.version)

    return Provider(ConfiguredWire(name, definition, base.wire), load_reader, base.load_demo)


def register(definitions: Mapping[str, Definition]) -> None:
    """Make these the providers of the settings, in place of all that were before. Each process does so once."""
    configure((provider_of(name, each) for name, each in definitions.items()), SETTINGS)
