"""Parts of JSON files, one at a time."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.importers import json_parts

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(
    st.lists(JSON, max_size=5),
    st.dictionaries(st.text(), JSON, max_size=4),
    st.booleans(),
    st.none() | st.integers(0, 2),
    st.integers(1, 40),
)
def test_every_part_is_what_it_is_in_the_whole(
    elements: list[Any], members: dict[str, Any], is_ascii: bool, indent: int | None, chunk: int
) -> None:
    """However the file is written, and wherever reading it is interrupted."""
    whole = {"before": [members, elements], "log": {"x": elements, "entries": elements, "all": members}, "after": "]"}
    file = io.BytesIO(json.dumps(whole, ensure_ascii=is_ascii, indent=indent).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_parts, "_CHUNK", chunk)
        found = list(json_parts.parts(file, ("log", "entries")))
        assert [json_parts.parse(part.raw) for part in found] == elements
        file.seek(0)
        found = list(json_parts.parts(file, ("log", "all")))
        assert {part.name: json_parts.parse(part.raw) for part in found} == members
        file.seek(0)
        assert list(json_parts.parts(file, ("log", "absent"))) == []


@given(st.integers(0, 200))
def test_a_file_that_ends_too_early_says_so(length: int) -> None:
    """Wherever it ends, the elements before are there and the last one is a fault."""
    content = b'{"log": {"version": "1", "entries": [{"a": "]"}, {"b": [1, 2]}, {"c": "\\\\"}]}}'
    end = content.index(b"]}}")
    found = list(json_parts.parts(io.BytesIO(content[:length]), ("log", "entries")))
    whole = [part.raw for part in found if part.fault is None]
    assert whole == [b'{"a": "]"}', b'{"b": [1, 2]}', b'{"c": "\\\\"}'][: len(whole)]
    assert [part.fault is not None for part in found[len(whole) :]] == ([] if length > end else [True])


def test_a_part_that_is_too_long_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, and those after it are there."""
    monkeypatch.setattr(json_parts, "LONGEST", 100)
    first, second = json_parts.parts(io.BytesIO(json.dumps(["x" * 200, "y"]).encode()), ())
    assert (first.raw, first.fault) == (b"", "it is longer than 100 bytes")
    assert (second.raw, second.fault) == (b'"y"', None)
