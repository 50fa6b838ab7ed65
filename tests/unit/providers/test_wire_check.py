"""A plug-in whose wire face would break the proxy or the settings is found before it is used."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.providers.registry import PROVIDERS
from gemtap.providers.secrets import Declared
from gemtap.providers.wire_check import check_wire

GEMINI = PROVIDERS["gemini"].wire


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS.keys())
def test_the_providers_of_this_package_are_right(provider: Any) -> None:
    """Else the check would refuse what works."""
    check_wire(provider.wire)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("name", "model-x"),
        ("name", None),
        ("name", "upstreams"),
        ("name", "model_dump"),
        ("prefix", "_gemtap"),
        ("prefix", "a/b"),
        ("upstream", "ftp://example"),
        ("title", ""),
        ("root_order", "first"),
        ("hosts", ("api.example",)),
        ("rewritten_headers", ["location"]),
        ("secrets", None),
        ("secrets", Declared(elsewhere=("not a path",))),
        ("secrets", Declared(path_segments=(b"(",))),
    ],
)
def test_a_wrong_attribute_is_named(attribute: str, value: object) -> None:
    """The reason says which attribute it is."""
    wire = type("Faulty", (type(GEMINI),), {attribute: value})()
    with pytest.raises(ValueError, match=f"its {attribute}"):
        check_wire(wire)


def test_another_object_is_no_wire_face() -> None:
    """The reason says what it must be."""
    with pytest.raises(ValueError, match=r"no gemtap\.providers\.wire\.Wire"):
        check_wire(object())  # type: ignore[arg-type]
