"""The contract of providers finds what is wrong: each fault fails the test that is about it."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import pytest

from gemtap.dialects.base import Dialect, Parsed, RawExchange
from gemtap.providers.credential import bearer
from gemtap.providers.instructions import Instructions
from gemtap.providers.provider import Provider
from gemtap.providers.reader import Reader
from gemtap.providers.registry import PROVIDERS
from gemtap.providers.wire import Route, Wire
from gemtap.testing.provider import ProviderContract
from tests.contract.test_providers import GENERATE, STREAM

GEMINI = PROVIDERS["gemini"]


def contract(wire: type[Wire] | None = None, reader: type[Reader] | None = None, **fields: Any) -> ProviderContract:
    """The contract of a provider that is like Gemini's, but for these faces."""
    faces = (GEMINI.wire if wire is None else wire(), GEMINI.load_reader if reader is None else reader)
    suite = type("Suite", (ProviderContract,), {"provider": Provider(*faces, **fields), "examples": (GENERATE, STREAM)})
    made: ProviderContract = suite()
    return made


class FaultyWire(type(GEMINI.wire)):  # type: ignore[misc]  # a class that is found through the registry
    """Gemini's, with a fault in every method."""

    hosts = (re.compile("other.example"),)

    def route(self, path: bytes) -> Route:
        return Route("another", path.lstrip(b"/"))

    def error(self, status: int, code: str, message: str) -> Any:
        return [(b"content-type", b"text/plain"), (b"content-length", b"1")], message.encode()


class FaultyReader(type(GEMINI.reader)):  # type: ignore[misc]
    """Gemini's, with a fault in every method."""

    colour = ("red", "#ffffff")
    setup: ClassVar = {"cline": Instructions("Cline", "its settings", ("http://localhost:4360",))}

    def operation(self, method: str, path: str) -> tuple[str, str | None]:
        return path.split("/")[3], None

    def credential(self, path: bytes) -> Any:
        return bearer()

    def with_model(self, path: str, model: str) -> str:
        return path


class WrongDialect:
    """Reads nothing right, and fails on anything but objects."""

    cut_points: ClassVar[dict[bytes, Any]] = {}
    good_endings = frozenset({"STOP"})
    withheld_endings: frozenset[str] = frozenset()
    truncated_endings: frozenset[str] = frozenset()
    settings_at = ()

    def read(self, exchange: RawExchange, operation: str, model: str | None) -> Parsed:
        request: Any = exchange.request_json
        request["contents"][0].get("role")
        return Parsed(operation, model)

    def conversation(self, operation: str, request: Any, response: Any) -> None:
        return None

    def media_tokens(self, usage: Any) -> None:
        return None

    def priced_apart(self, usage: Any) -> dict[str, int]:
        return {}


class MisreadingReader(type(GEMINI.reader)):  # type: ignore[misc]
    """Gemini's, with a dialect that misreads it."""

    def dialect(self, operation: str, *, is_session: bool) -> Dialect:
        return WrongDialect()


def test_a_right_provider_passes() -> None:
    """Else the failures below would mean nothing."""
    suite = contract()
    for name in dir(suite):
        if name.startswith("test_"):
            getattr(suite, name)()


@pytest.mark.parametrize(
    ("suite", "test"),
    [
        (contract(contract=2), "test_it_is_written_for_this_version"),
        (contract(FaultyWire), "test_importing_it_loads_no_parser"),
        (contract(FaultyWire), "test_every_example_is_routed"),
        (contract(FaultyWire), "test_any_path_is_routed_or_not"),
        (contract(FaultyWire), "test_the_default_upstream_is_one_of_its_hosts"),
        (contract(FaultyWire), "test_errors_are_whole_responses"),
        (contract(reader=FaultyReader), "test_the_credential_is_declared_secret"),
        (contract(reader=FaultyReader), "test_operations_of_the_examples"),
        (contract(reader=FaultyReader), "test_any_path_has_an_operation"),
        (contract(reader=FaultyReader), "test_another_model_in_a_path_is_read_back"),
        (contract(reader=FaultyReader), "test_setup_leads_to_the_provider"),
        (contract(reader=FaultyReader), "test_colours"),
        (contract(reader=MisreadingReader), "test_examples_are_read"),
        (contract(reader=MisreadingReader), "test_conversations_are_read"),
        (contract(reader=MisreadingReader), "test_damaged_exchanges_are_read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_is_found(suite: ProviderContract, test: str) -> None:
    """By the test whose name says so."""
    with pytest.raises((AssertionError, LookupError, TypeError, AttributeError)):
        getattr(suite, test)()
