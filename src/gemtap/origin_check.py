"""Who may speak to a server on a person's own machine: programs, and web pages that belong there.

Every web page that is open in a browser can send requests to localhost. Browsers say where a page comes from
(`Origin`, RFC 6454), and under which name it has reached the server (`Host`): a stranger's page can make a name of its
own point to 127.0.0.1 (DNS rebinding), but has no way to write another name than its own.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

_HOST: Final = re.compile(r"(?:\[(?P<address>[^\[\]]+)\]|(?P<name>[^:\[\]]*))(?::[0-9]*)?")
"""What a Host header may be (RFC 9110, section 7.2): a name or an address, and perhaps a port."""

_LOCAL_NAME: Final = re.compile(r"[a-z0-9_-]+")
"""A name of the local network, or of a compose file's services: without a dot, as no stranger's page has it."""

_PRIVATE_ENDINGS: Final = (".localhost", ".internal")
"""Names that public DNS never gives to anybody: RFC 6761, section 6.3, and ICANN's resolution 2024.07.29.06.

The second is how containers call the machine that they run on: `host.docker.internal`, `host.containers.internal`.
"""

_EDITOR_SCHEMES: Final = ("vscode-webview", "vscode-file")
"""Pages of VS Code itself and of its extensions: no web site can have such an origin."""


class OriginCheck:
    """The names under which this machine is known, and the origins of web pages that may call it."""

    def __init__(self, hosts: Collection[str] = (), origins: Collection[str] = ()) -> None:
        """`hosts`: further names, a port makes no difference. `origins`: further origins, `https://app.example`."""
        known = {_name_in(host) for host in hosts}
        welcome = {origin.lower().rstrip("/") for origin in origins}
        # The same few come again and again; both caches are bounded, for strangers choose what is asked.
        self.knows_host = lru_cache(maxsize=64)(lambda host: _is_known(_name_in(host), known))
        """Whether a Host header names this machine."""
        self.welcomes_origin = lru_cache(maxsize=64)(lambda origin: _is_welcome(origin.lower(), welcome))
        """Whether an Origin header is that of a page of this machine or of its editor, or one that is allowed."""
        self.allows_origin = welcome.__contains__
        """Whether an Origin header is one that was allowed by name."""


def is_same_origin(origin: str, host: str) -> bool:
    """Whether a page with this Origin header was served under the name and port of this Host header."""
    return bool(host) and urlsplit(origin.lower()).netloc == host.lower()


def _name_in(host: str) -> str:
    found = _HOST.fullmatch(host)
    return (found["address"] or found["name"]).lower().rstrip(".") if found else ""


def _is_known(name: str, known: Collection[str]) -> bool:
    # Rebinding needs a name: addresses are never foreign.
    local = _LOCAL_NAME.fullmatch(name) is not None or name.endswith(_PRIVATE_ENDINGS)
    return local or name in known or _is_address(name)


def _is_welcome(origin: str, welcome: Collection[str]) -> bool:
    try:
        scheme, host = urlsplit(origin).scheme, urlsplit(origin).hostname or ""
    except ValueError:
        return False
    return origin in welcome or scheme in _EDITOR_SCHEMES or _is_loopback(host)


def _is_loopback(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost") or (_is_address(name) and _address(name).is_loopback)


def _is_address(name: str) -> bool:
    try:
        _address(name)
    except ValueError:
        return False
    return True


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(name)
