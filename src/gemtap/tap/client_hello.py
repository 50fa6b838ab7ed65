"""The first message of a TLS handshake, as far as it says where the client wants to go and what it will speak there."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_SERVER_NAME: Final = 0
_ALPN: Final = 16

LONGEST: Final = 16 * 1024
"""Bytes of a ClientHello that are read: with post-quantum keys they have about 1,800."""


class ClientHello(NamedTuple):
    """What was read of it."""

    server_name: str | None
    protocols: tuple[bytes, ...]
    """The protocols that the client offers (ALPN); empty if it does not say."""


class NoClientHello(ValueError):
    """The bytes begin no TLS handshake."""


def read_client_hello(data: bytes) -> ClientHello | None:
    """Read the beginning of a connection; None if more of it is needed. Raises NoClientHello."""
    message = _message(data)
    if message is None:
        return None
    try:
        return _read(message)
    except (struct.error, IndexError, UnicodeDecodeError) as exc:
        raise NoClientHello("it is damaged") from exc


def _message(data: bytes) -> bytes | None:
    """The handshake message, from as many records as it takes."""
    message = bytearray()
    at = 0
    while True:
        if data[at : at + 1] and data[at] != _HANDSHAKE:
            raise NoClientHello("it does not begin with a handshake")
        if len(data) < at + 5:
            return None
        length = int.from_bytes(data[at + 3 : at + 5], "big")
        message += data[at + 5 : at + 5 + length]
        at += 5 + length
        if message and message[0] != _CLIENT_HELLO:
            raise NoClientHello("it does not begin with a ClientHello")
        if len(message) >= 4 and len(message) >= 4 + int.from_bytes(message[1:4], "big"):
            return bytes(message[4 : 4 + int.from_bytes(message[1:4], "big")])
        if len(data) < at:
            return None
        if len(message) > LONGEST:
            raise NoClientHello("it is too long")


def _read(message: bytes) -> ClientHello:
    at = 2 + 32  # version and random
    at += 1 + message[at]  # session
    at += 2 + _short(message, at)  # cipher suites
    at += 1 + message[at]  # compression
    server_name: str | None = None
    protocols: tuple[bytes, ...] = ()
    if at < len(message):
        for kind, content in _extensions(message[at + 2 : at + 2 + _short(message, at)]):
            if kind == _SERVER_NAME and len(content) > 5 and content[2] == 0:
                server_name = content[5 : 5 + _short(content, 3)].decode("ascii").lower().rstrip(".")
            elif kind == _ALPN:
                protocols = tuple(_names(content[2:]))
    return ClientHello(server_name, protocols)


def _extensions(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("!HH", data, at)
        yield kind, data[at + 4 : at + 4 + length]
        at += 4 + length


def _names(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        yield data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]


def _short(data: bytes, at: int) -> int:
    number: int = struct.unpack_from("!H", data, at)[0]
    return number
