"""The wire face of a provider: all that the tap knows of an API. No parser, no I/O."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from gemtap.providers.credential import Credential
from gemtap.providers.secrets import Declared

RawHeaders = list[tuple[bytes, bytes]]

_JSON: Final = b"application/json"


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes."""

    provider: str
    path: bytes
    """The raw path for the upstream."""
    prefix: bytes = b""
    """What the client's path had before it, such as `/gemini`."""
    location: str | None = None
    """The cloud location that the path names, such as `europe-west4`."""


class Wire(ABC):
    """How requests to one API are recognised and forwarded."""

    name: str
    """In settings, documents and queries: `gemini`, `code_assist`."""
    title: str
    """For people."""
    upstream: str
    """The default upstream: an origin, with a path prefix if need be."""
    prefix: str
    """The first segment of a client's path that names this provider: `/gemini/...`."""
    hosts: Sequence[re.Pattern[str]] = ()
    """Host names of the API, matched whole."""
    version: str = ""
    """What its paths begin with, such as `/v1`: added where a client leaves it out."""
    own_paths: re.Pattern[str] | None = None
    """The beginning of paths that no other API has. Imports recognize exchanges by it that name no host."""
    root_paths: str = ""
    """The paths that `route_at_root` recognises, for people; empty where there are none."""
    root_order: int = 0
    """Providers with a lower number are asked for a route at the root first."""
    is_default: bool = False
    """Whether most installations use it, so that an upstream that cannot be reached is a fault."""
    secrets: Declared = Declared()
    """What is secret in its requests and answers."""
    asking: re.Pattern[bytes] | None = None
    """Found in the upstream's paths, unquoted, whose POST asks a model for something. None: any POST may. Limits count
    these requests, and sessions."""
    model_in_path: re.Pattern[bytes] | None = None
    """Finds the model that such a path names: its first group. None where none does: the body names it."""
    hosts_of_one_owner: bool = False
    """Whether every host that `origin` chooses by a route is the API's own: any of them may be sent a held key."""
    rewritten_headers: frozenset[bytes] = frozenset()
    """Lower-case names of response headers with URLs of this API, which are rewritten to lead through the tap."""

    @abstractmethod
    def route(self, path: bytes) -> Route | None:
        """The route of a raw path that followed the prefix; None where this API has no such path."""

    def route_at_root(self, path: bytes) -> Route | None:
        """The route of a raw path without a prefix; None where the path is not clearly this API's.

        It is asked before providers with a higher `root_order`: a path that it takes never reaches these.
        """
        return None

    def origin(self, route: Route, configured: str) -> str:
        """The upstream of a route, given the one that is configured."""
        return configured

    def credential(self, path: bytes) -> Credential | None:
        """The credential of a request to this raw path, which Gemtap may hold; None where it cannot hold one."""
        return None

    @abstractmethod
    def error(self, status: int, code: str, message: str) -> tuple[RawHeaders, bytes]:
        """Headers and body of an error of Gemtap's own in the shape of this API.

        `code` is one of Google's canonical error codes, such as `UNAVAILABLE`.
        """

    def limited(self, message: str, retry_after: int) -> tuple[RawHeaders, bytes]:
        """Headers and body of status 429, a limit that is reached, in the shape of this API.

        `retry_after`: seconds after which it makes sense to try again. The header `Retry-After` is added to what is
        returned.
        """
        return self.error(429, "RESOURCE_EXHAUSTED", message)


def asks_of(wire: Wire, path: bytes) -> tuple[bool, str | None]:
    """Whether a POST to a raw upstream path may ask a model for something, and the model that the path names."""
    plain = unquote_to_bytes(path)
    named = wire.model_in_path.search(plain) if wire.model_in_path is not None else None
    model = named[1].decode("utf-8", "replace") if named is not None else None
    return wire.asking is None or wire.asking.search(plain) is not None, model


def json_error(
    error: dict[str, Any], *, content_type: bytes = _JSON, indent: int | None = None
) -> tuple[RawHeaders, bytes]:
    """Headers and body of an answer that is this JSON; an indented one ends with a line break."""
    body = json.dumps(error, ensure_ascii=False, indent=indent).encode("utf-8") + (b"\n" if indent else b"")
    return [(b"content-type", content_type), (b"content-length", str(len(body)).encode("ascii"))], body
