"""What a client of the forward proxy wants to reach, as values."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final, Self

from gemtap.addresses import DEFAULT_PORTS
from gemtap.capture.events import RawHeaders
from gemtap.tap.headers import value_of

_AUTHORITY: Final = re.compile(
    r"(?:\[(?P<address>[0-9a-fA-F:.]+)\]|(?P<name>[^\[\]:/@?#\s]+))(?::(?P<port>[0-9]{1,5}))?"
)
_ABSOLUTE: Final = re.compile(rb"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Target:
    """A host and a port."""

    scheme: str
    """`https` behind CONNECT, since the tap ends TLS there; else the one of the absolute form."""
    host: str
    """In lower case; an address without brackets."""
    port: int

    @classmethod
    def of(cls, authority: bytes, scheme: str) -> Self | None:
        """The target of `host:port`; None if it is none. Without a port it is the scheme's."""
        found = _AUTHORITY.fullmatch(authority.decode("latin-1"))
        if found is None:
            return None
        port = int(found["port"]) if found["port"] else DEFAULT_PORTS[scheme]
        host = (found["address"] or found["name"]).lower().rstrip(".")
        return cls(scheme, host, port) if 0 < port < 65536 and host else None

    @property
    def authority(self) -> str:
        """Host and port, always with a port."""
        return f"{self._bracketed}:{self.port}"

    @property
    def origin(self) -> str:
        """The URL without a path; the port of the scheme is left out."""
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self._bracketed}{port}"

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


@dataclass(frozen=True, slots=True)
class Proxied:
    """How a request came that was sent through the forward proxy to a provider's host."""

    target: Target
    provider: str
    sni: str | None = None
    """The name that the client gave in its TLS handshake."""
    access_key: bytes | None = field(default=None, repr=False)
    """The access key in `Proxy-Authorization`."""

    def misdirected(self, headers: RawHeaders) -> str | None:
        """What the client says of the host that disagrees with the target; None where all agree."""
        host = value_of(headers, b"host")
        if host is not None:
            named = Target.of(host, self.target.scheme)
            if named is None or (named.host, named.port) != (self.target.host, self.target.port):
                return f"the Host header {host.decode('latin-1')[:200]}"
        if self.sni is not None and self.sni != self.target.host:
            return f"the name {self.sni[:200]} in the TLS handshake"
        return None


def absolute_form(url: bytes) -> tuple[Target, bytes] | None:
    """The target and the origin form of an absolute URL; None if it is none."""
    found = _ABSOLUTE.fullmatch(url)
    if found is None:
        return None
    scheme = found["scheme"].decode("ascii").lower()
    target = Target.of(found["authority"].rpartition(b"@")[2], scheme)
    rest = found["rest"].partition(b"#")[0]
    return (target, rest if rest.startswith(b"/") else b"/" + rest) if target is not None else None


def is_public(address: str) -> bool:
    """Whether an address is one of the public Internet: not of this machine, its network or a cloud's metadata."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    return found.is_global and not found.is_multicast


def is_loopback(address: str) -> bool:
    """Whether an address of a client is one of this machine itself."""
    return address == "::1" or address.removeprefix("::ffff:").startswith("127.")


def is_local_name(host: str) -> bool:
    """Whether a host is this machine by name, or an address that is not public."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not is_public(host)
    except ValueError:
        return False
