"""Where bodies are cut: around what is sent again, at offsets that lose nothing, whatever the bytes."""

from __future__ import annotations

import json
import time
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gemtap.dialects import gemini_content, gemini_interactions, openai_chat
from gemtap.dialects.cut_points import SMALLEST, TABLE, cut_points

LONG = "It was said before. " * 30
PARTS = [{"text": LONG}, {"text": "short"}, {"functionResponse": {"name": "read", "response": {"output": LONG}}}]
GEMINI = {"contents": [{"role": "user", "parts": PARTS}, {"role": "model", "parts": [{"text": "Yes."}]}]}
SYSTEM = {"parts": [{"text": LONG + '}]\\"'}]}
TOOLS = [{"functionDeclarations": [{"name": "read", "description": LONG}]}]

SHAPES = {
    "gemini": {**GEMINI, "systemInstruction": SYSTEM, "tools": TOOLS},
    "code assist": {"model": "m", "request": {**GEMINI, "systemInstruction": SYSTEM, "tools": TOOLS}},
    "openai": {"messages": [{"role": "user", "content": LONG}, {"role": "user", "content": PARTS}], "tools": TOOLS},
    "anthropic": {"system": SYSTEM["parts"], "messages": [{"role": "user", "content": PARTS}], "tools": TOOLS},
    "interactions": {"input": [{"role": "user", "content": PARTS}], "system_instruction": LONG, "tools": TOOLS},
    "an answer": {"candidates": [{"content": {"parts": PARTS, "role": "model"}, "index": 0}]},
    "a wrapped answer": {"response": {"candidates": [{"content": {"parts": PARTS, "role": "model"}}]}},
    "a completion": {"choices": [{"index": 0, "message": {"role": "assistant", "content": LONG}}]},
}


def pieces(raw: bytes) -> list[bytes]:
    cuts = cut_points(raw)
    return [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]


@pytest.mark.parametrize("indent", [None, 2, 7])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_sent_again_is_a_piece_of_its_own(shape: str, indent: int | None) -> None:
    """Each resent message is a piece of its own."""
    value = SHAPES[shape]
    found = pieces(json.dumps(value, indent=indent).encode())
    text = json.dumps(value)
    values = [json.loads(piece) for piece in found if _is_json(piece)]
    for wanted in (PARTS[0], PARTS[2], TOOLS[0], {"role": "user", "content": LONG}, SYSTEM):
        if json.dumps(wanted) in text and shape != "anthropic":
            assert wanted in values


def _is_json(piece: bytes) -> bool:
    try:
        json.loads(piece)
    except ValueError:
        return False
    return True


def test_one_message_more_leaves_the_pieces_before_it_as_they_are() -> None:
    """An additional message leaves earlier pieces unchanged."""

    def request(count: int) -> bytes:
        turns = [{"role": "user", "parts": [{"text": f"{n} {LONG}"}, {"text": f"and {n}"}]} for n in range(count)]
        return json.dumps({"contents": turns, "generationConfig": {"temperature": 0}}).encode()

    before, after = (pieces(request(count)) for count in (40, 41))
    assert len([piece for piece in set(after) - set(before) if len(piece) >= SMALLEST]) == 1


def test_an_answer_is_a_piece_of_the_next_request() -> None:
    """The message of a response is also a piece of the next request."""
    part = {"text": LONG}
    answer = json.dumps({"candidates": [{"content": {"parts": [part], "role": "model"}}]}).encode()
    following = json.dumps({"contents": [{"role": "model", "parts": [part]}]}).encode()
    assert json.dumps(part).encode() in set(pieces(answer)) & set(pieces(following))


@pytest.mark.parametrize(
    "raw",
    [b"", b" ", b"data: {}\n\n", b"[1, 2]", b'"contents"', b'{"contents": "x"}', b"\xff\xfe", b'{"contents":[{"a":'],
)
def test_what_has_no_known_shape_has_no_cut_points(raw: bytes) -> None:
    """Bodies of unknown formats have no cut points."""
    assert cut_points(raw) == []


@given(st.binary(max_size=3_000))
@example(b'{"contents":[{"parts":[{"text":"' + b"x" * 400 + b'"}]},]]}}')
@example(b'{"contents":[' + b'{"parts":[{"text":"' + b"x" * 400)
@example(b'\xef\xbb\xbf {"contents":[{"text":"' + b"\\" * 401 + b'"}]}')
def test_any_bytes_are_cut_within_themselves(raw: bytes) -> None:
    """Cut points of any bytes are ascending and within the body."""
    cuts = cut_points(raw)
    assert cuts == sorted(set(cuts))
    assert all(0 < cut < len(raw) for cut in cuts)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"contents":' + b"[" * 3_000_000,
        b'{"contents":[' + b'{"parts":[' * 500_000,
        b'{"contents":[' + b"{}," * 1_000_000 + b"]}",
        b'{"contents":["' + b"\\" * 3_000_000,
        b'{"contents":[' + b'"a",' * 1_000_000 + b"]}",
        b'{"contents":[{"parts":[' + b"1," * 1_500_000 + b"]}]}",
    ],
    ids=["brackets", "messages", "empty messages", "backslashes", "texts", "numbers"],
)
def test_three_megabytes_of_mischief_take_no_long_time(raw: bytes) -> None:
    """Hostile bodies of three megabytes are cut in bounded time."""
    began = time.process_time()
    cut_points(raw)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("dialect", [gemini_content, gemini_interactions, openai_chat])
def test_the_table_has_the_rules_of_every_dialect(dialect: ModuleType) -> None:
    """Dialects that name the same member agree on its rule."""
    assert dialect.CUT_POINTS
    assert {name: TABLE[name] for name in dialect.CUT_POINTS} == dialect.CUT_POINTS
