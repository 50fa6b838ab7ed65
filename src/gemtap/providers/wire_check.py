"""What must be right of a plug-in's wire face before the proxy and the settings rely on it."""

from __future__ import annotations

import re
from typing import Final

from pydantic import BaseModel

from gemtap.providers.secrets import Declared, Paths, all_of
from gemtap.providers.wire import Wire

_PATTERNS: Final = {
    "prefix": re.compile(r"[a-z][a-z0-9-]{0,40}"),
    "upstream": re.compile(r"https?://[^/?#\s]+(?:/[^?#\s]*)?"),
    "title": re.compile(r"\S.{0,60}"),
    "root_paths": re.compile(r".{0,400}"),
}


_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")

_RESERVED: Final = frozenset({*dir(BaseModel), "upstreams"})
"""A provider's name is an attribute of the settings' model, which has these already."""


def is_usable_name(name: object) -> bool:
    """Whether settings, documents and queries can have a provider of this name."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None and name not in _RESERVED


def check_wire(wire: Wire) -> None:
    """Raises ValueError, or AttributeError for an attribute that is missing."""
    if not isinstance(wire, Wire):
        raise ValueError(f"its wire face is no gemtap.providers.wire.Wire: {type(wire).__name__}")
    if not is_usable_name(wire.name):
        raise ValueError(f"its name is {wire.name!r}, which is reserved or does not match {_NAME.pattern}")
    for name, pattern in _PATTERNS.items():
        value = getattr(wire, name)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"its {name} is {value!r}, which does not match {pattern.pattern}")
    for name, kind in (("root_order", int), ("rewritten_headers", frozenset), ("secrets", Declared)):
        if not isinstance(getattr(wire, name), kind):
            raise ValueError(f"its {name} is no {kind.__name__}")
    for name in ("asking", "model_in_path"):
        if not isinstance(getattr(wire, name), re.Pattern | None):
            raise ValueError(f"its {name} is no compiled pattern")
    if not all(isinstance(host, re.Pattern) for host in wire.hosts):
        raise ValueError("its hosts are no compiled patterns")
    try:
        Paths(wire.secrets.elsewhere)
        all_of(wire.secrets, ())
    except Exception as exc:
        raise ValueError(f"its secrets cannot be used: {exc}") from exc
