"""Addresses: what they name, and how they may be shown, with `***` for the passwords in them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from gemtap.store_kinds import file_of

DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_USER_INFO: Final = re.compile(
    r"(?P<scheme>(?:[a-z][a-z0-9+.-]*:)?//)?(?P<user>[^:/?#@]*):.*@", re.IGNORECASE | re.DOTALL
)
_SECRET_OPTION: Final = re.compile(r"(?P<name>[?&;][^=&;]*(?:password|authMechanismProperties)=)[^&;]*", re.IGNORECASE)

_IN_TEXT: Final = re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^:/?#@\s]*):[^\s'\"<>]*@", re.IGNORECASE)
_OPTION_IN_TEXT: Final = re.compile(
    r"(?P<name>[?&;]\w*(?:password|authMechanismProperties)=)[^&;\s'\"]*", re.IGNORECASE
)


def mask(address: str) -> str:
    """The address with `***` for its password, also for one that is not well-formed; a file's path stays as it is."""
    if file_of(address) is not None:
        return address
    found = _USER_INFO.match(address)
    if found is not None:
        address = f"{found['scheme'] or ''}{found['user']}:***@{address[found.end() :]}"
    return _SECRET_OPTION.sub(r"\g<name>***", address)


def mask_in(text: str) -> str:
    """A text, such as a message of a library or a traceback, with `***` for the passwords of addresses in it."""
    if "://" not in text:
        return text
    return _OPTION_IN_TEXT.sub(r"\g<name>***", _IN_TEXT.sub(r"\g<before>:***@", text))


def has_password(address: str) -> bool:
    """Whether an address has a password in it."""
    return mask(address) != address


def host_of(url: str) -> str:
    """Host and port of a URL as they stand in it, without the user."""
    return urlsplit(url).netloc.rpartition("@")[2]


def host_header(url: str) -> bytes:
    """The value of the Host header of requests to a URL: its host and port; names outside of ASCII in Punycode.

    Raises UnicodeError for a host that is none.
    """
    host = host_of(url)
    # The codec refuses labels of more than 63 bytes, with which a host of ASCII may get along.
    return host.encode("ascii" if host.isascii() else "idna")


def request_target(path: bytes, query: bytes) -> bytes:
    """The target of a request: a raw path, and after a question mark the raw query if there is one."""
    return path + b"?" + query if query else path


def origin_of(url: str) -> str | None:
    """Scheme, host and port of an http or https URL, without user, path and the scheme's own port; None for others."""
    try:
        parsed = urlsplit(url)
        port = parsed.port
    except ValueError:
        return None
    if parsed.scheme not in DEFAULT_PORTS or not parsed.hostname:
        return None
    host = f"[{parsed.hostname}]" if ":" in parsed.hostname else parsed.hostname
    return f"{parsed.scheme}://{host}" + ("" if port in (None, DEFAULT_PORTS[parsed.scheme]) else f":{port}")


def valid_origin(url: str) -> str:
    """An upstream's address without a slash at its end. Raises ValueError, in a clause, for what is no such address."""
    parsed = urlsplit(url)
    _ = parsed.port  # raises ValueError where it is none
    if parsed.scheme not in ("http", "https") or not parsed.hostname or parsed.query or parsed.fragment:
        raise ValueError("must be like https://host or http://host:port/prefix")
    return url.rstrip("/")


def is_link(uri: str) -> bool:
    """Whether a page or a file that is shared may link to it: nothing but http and https."""
    return uri.startswith(("https://", "http://"))
