"""Reading a ClientHello: as OpenSSL writes it, in pieces, and damaged."""

from __future__ import annotations

import contextlib
import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemtap.tap.client_hello import NoClientHello, read_client_hello


def hello(name: str | None = "api.example.com", *protocols: str) -> bytes:
    context = ssl.create_default_context()
    if name is None:
        context.check_hostname = False
    context.set_alpn_protocols(protocols)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def test_name_and_protocols_are_read() -> None:
    """The server's name and what the client offers to speak."""
    found = read_client_hello(hello("API.example.com", "h2", "http/1.1"))
    assert found == ("api.example.com", (b"h2", b"http/1.1"))


def test_both_may_be_missing() -> None:
    """A client that connects to an address sends no name."""
    assert read_client_hello(hello(None)) == (None, ())


def test_every_piece_but_the_whole_is_too_little() -> None:
    """Whatever the first read returns, no answer is given before all is there."""
    whole = hello()
    assert all(read_client_hello(whole[:length]) is None for length in range(len(whole)))


def test_it_may_be_split_into_records() -> None:
    """Some clients send it as several records."""
    whole = hello("api.example.com", "h2")
    head, body = whole[:3], whole[5:]
    records = b"".join(
        head + len(body[at : at + 60]).to_bytes(2, "big") + body[at : at + 60] for at in range(0, len(body), 60)
    )
    assert read_client_hello(records) == ("api.example.com", (b"h2",))


@pytest.mark.parametrize(
    "data", [b"PRI * HTTP/2.0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x04\x02\0\0\0"]
)
def test_other_protocols_are_told_apart(data: bytes) -> None:
    """What is no handshake, or no ClientHello."""
    with pytest.raises(NoClientHello):
        read_client_hello(data)


WHOLE = hello()


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=300), st.integers(0, 5))
def test_any_bytes_are_read_or_refused(data: bytes, keep: int) -> None:
    """Damage raises NoClientHello and nothing else."""
    for attempt in (data, WHOLE[:keep] + data, WHOLE[:9] + data.ljust(len(WHOLE) - 9, b"\xff")):
        with contextlib.suppress(NoClientHello):
            read_client_hello(attempt)
