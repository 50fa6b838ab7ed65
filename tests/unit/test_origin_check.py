"""Names and origins: whose are this machine's, and whose are a stranger's."""

from __future__ import annotations

import pytest

from gemtap.origin_check import OriginCheck, is_same_origin


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:4360",
        "LOCALHOST:1",
        "gemtap.localhost",
        "127.0.0.1:4360",
        "192.168.1.7",
        "[::1]:4360",
        "[fe80::1]",
        "gemtap:4360",
        "my-laptop",
        "host.docker.internal:4360",
        "tap.example",
        "TAP.example.:4360",
    ],
)
def test_names_of_this_machine(host: str) -> None:
    """Names of this machine are allowed as hosts."""
    assert OriginCheck(["tap.example:8080"]).knows_host(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", ":4360", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "a b", "<script>"),
        *("[evil.example]", "::1", "localhost:4360@evil.example", "tap.example.evil", "evil.local"),
    ],
)
def test_names_of_strangers(host: str) -> None:
    """Other names are refused as hosts."""
    assert not OriginCheck(["tap.example"]).knows_host(host)


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:3000",
        "https://127.0.0.1",
        "http://[::1]:8080",
        "http://app.localhost",
        "vscode-webview://0abc123",
        "vscode-file://vscode-app",
        "https://app.example",
        "HTTPS://APP.example",
    ],
)
def test_pages_of_this_machine_and_its_editor(origin: str) -> None:
    """Pages of this machine and of editors are allowed as origins."""
    assert OriginCheck(origins=["https://app.example/"]).welcomes_origin(origin)


@pytest.mark.parametrize(
    "origin",
    [
        *("null", "", "https://evil.example", "http://localhost.evil.example", "http://192.168.1.7", "http://[::1"),
        *("https://app.example:444", "http://app.example", "chrome-extension://abc", "file://", "localhost"),
    ],
)
def test_pages_of_strangers(origin: str) -> None:
    """Other pages are refused as origins."""
    assert not OriginCheck(origins=["https://app.example"]).welcomes_origin(origin)


def test_a_page_is_of_the_same_origin_if_its_name_and_port_are_those_that_it_calls() -> None:
    """The same origin has the same name and port."""
    assert is_same_origin("http://192.168.1.7:4360", "192.168.1.7:4360")
    assert not is_same_origin("http://192.168.1.7:4361", "192.168.1.7:4360")
    assert not is_same_origin("null", "localhost")
    assert not is_same_origin("null", "")
