"""Passwords in addresses are shown to nobody."""

from __future__ import annotations

import pytest

from gemtap.addresses import has_password, host_header, mask, mask_in, origin_of, request_target

SECRET = "swordfish"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("mongodb://user:swordfish@host/db", "mongodb://user:***@host/db"),
        ("mongodb://user:sword@fish:swordfish@host", "mongodb://user:***@host"),
        (
            "mongodb://host/db?tlsCertificateKeyFilePassword=swordfish&x=1",
            "mongodb://host/db?tlsCertificateKeyFilePassword=***&x=1",
        ),
        ("user:swordfish@127.0.0.1:3128", "user:***@127.0.0.1:3128"),
        ("sock5://user:swordfish@127.0.0.1:3128", "sock5://user:***@127.0.0.1:3128"),
        ("http://:swordfish@host", "http://:***@host"),
    ],
)
def test_a_password_is_masked(address: str, shown: str) -> None:
    """The rest of the address stays, so that a person recognises it."""
    assert mask(address) == shown
    assert has_password(address)


@pytest.mark.parametrize(
    "address", ["sqlite:///a:b@c.db", "http://host:80/", "mongodb://host/db", "http://127.0.0.1:3128", "host:3128"]
)
def test_an_address_without_a_password_stays(address: str) -> None:
    """A port is no password, and neither is what a file's path has in it."""
    assert mask(address) == address
    assert not has_password(address)


def test_passwords_in_a_text_are_masked() -> None:
    """A message of a library, with an address in it, and a traceback."""
    text = f"InvalidProxy('http://user:{SECRET}@127.0.0.1:1', 'x'): mongodb://u:{SECRET}@h/?password={SECRET} at 10:20"
    assert mask_in(text) == text.replace(SECRET, "***")
    harmless = "at http://localhost:4360/ since 10:20, mail a@b"
    assert mask_in(harmless) == harmless


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://me:secret@API.example:443/openai/v1?x=1", "https://api.example"),
        ("http://[::1]:8080/v1", "http://[::1]:8080"),
        ("http://host:443", "http://host:443"),
        ("ftp://host", None),
        ("http://host:port", None),
        ("", None),
    ],
)
def test_the_origin_of_a_url_has_no_secrets(url: str, origin: str | None) -> None:
    """Scheme, host and port, each in the one way that they can be compared in."""
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.example/prefix", b"api.example"),
        ("http://user:swordfish@127.0.0.1:8080", b"127.0.0.1:8080"),
        ("http://[::1]:8080", b"[::1]:8080"),
        ("https://bücher.example:8443/v1", b"xn--bcher-kva.example:8443"),
        (f"https://{'a' * 63}.example", b"a" * 63 + b".example"),
    ],
)
def test_the_host_header_of_a_url(url: str, host: bytes) -> None:
    """Host and port as they stand there; no user, and names outside of ASCII in Punycode."""
    assert host_header(url) == host


def test_the_target_has_a_question_mark_only_before_a_query() -> None:
    """Path and query stay raw."""
    assert request_target(b"/a%20b", b"") == b"/a%20b"
    assert request_target(b"/a", b"b=%2F?") == b"/a?b=%2F?"
