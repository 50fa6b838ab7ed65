"""The clients of all providers have one name each."""

from __future__ import annotations

from dataclasses import replace

from gemtap.providers import client_setup
from gemtap.providers.instructions import Instructions
from gemtap.providers.provider import Provider
from gemtap.providers.reader import Reader
from gemtap.providers.registry import PROVIDERS

GEMINI, VERTEX = PROVIDERS["gemini"], PROVIDERS["vertex"]


def with_setup(provider: Provider, **setup: Instructions) -> Provider:
    """A provider with other clients."""
    reader: Reader = type("Other", (type(provider.reader),), {"setup": setup})()
    return replace(provider, load_reader=lambda: reader)


def test_clients_know_their_provider_and_get_the_address() -> None:
    """The dashboard looks for interactions of this provider."""
    vertex = client_setup.clients()["gemini-cli-vertex"]
    assert vertex.provider == "vertex"
    assert vertex.for_tap("http://tap").lines[0] == "export GOOGLE_VERTEX_BASE_URL=http://tap"


def test_a_name_of_two_providers_gets_the_prefix_of_the_later_one() -> None:
    """No client disappears."""
    first, second = (Instructions(title, "here", ("{tap}",)) for title in ("first", "second"))
    found = client_setup.clients_of([with_setup(GEMINI, curl=first), with_setup(VERTEX, curl=second)])
    assert {name: (each.title, each.provider) for name, each in found.items()} == {
        "curl": ("first", "gemini"),
        "vertex-curl": ("second", "vertex"),
    }


def test_a_provider_without_a_reader_has_no_clients() -> None:
    """The clients of the others are shown."""

    def fail() -> Reader:
        raise ImportError("no such module")

    found = client_setup.clients_of([replace(GEMINI, load_reader=fail), VERTEX])
    assert set(found) == set(VERTEX.reader.setup)
