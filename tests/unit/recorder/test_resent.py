"""Bodies that repeat an earlier one are read as if none had come before, whatever a client does to its history."""

from __future__ import annotations

import gc
import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gemtap.body import gives_back, parse_body
from gemtap.dialects.cut_points import cut_points
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assemble import Assembled, assemble_read
from gemtap.recorder.fingerprint import fingerprint_of
from gemtap.recorder.redact import Parse, Redactor
from gemtap.recorder.resent import ResentBodies
from gemtap.recorder.searchable import text_said
from gemtap.reuse import results_for
from tests.captures import make_capture

NOW: Final = datetime(2026, 3, 14, tzinfo=UTC)
ID: Final = ObjectId("65f2f0a0aaaaaaaaaaaaaaaa")
LONG: Final = "It was said before, and it is said again. " * 8

words = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["NaN", "-Infinity", '{"a": [1, NaN]}', "\\", '"', "]}", "\ud800", "\ufeff", LONG]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3))
said = words.map(lambda text: text + LONG)


def gemini_message(text: str, role: str, value: Any) -> dict[str, Any]:
    result = {"functionResponse": {"name": "read", "response": {"output": value}}}
    call = {"functionCall": {"name": "read", "args": {"path": text}}}
    parts = {
        "user": [{"text": text}],
        "model": [{"text": text, "thought": True}, call],
        "tool": [result, {"text": LONG}],
    }
    return {"role": "model" if role == "model" else "user", "parts": parts[role]}


def chat_message(text: str, role: str, value: Any) -> dict[str, Any]:
    call = {"id": "call_1", "type": "function", "function": {"name": "read", "arguments": json.dumps({"path": text})}}
    kinds: dict[str, dict[str, Any]] = {
        "user": {"role": "user", "content": [{"type": "text", "text": text}, {"type": "video", "it": value}]},
        "model": {"role": "assistant", "content": text, "tool_calls": [call]},
        "tool": {"role": "tool", "tool_call_id": "call_1", "content": LONG + json.dumps(value)},
    }
    return kinds[role]


def anthropic_message(text: str, role: str, value: Any) -> dict[str, Any]:
    call = {"type": "tool_use", "id": "t1", "name": "read", "input": {"path": value}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": text}]}
    kinds: dict[str, dict[str, Any]] = {
        "user": {"role": "user", "content": text},
        "model": {"role": "assistant", "content": [{"type": "text", "text": text}, call]},
        "tool": {"role": "user", "content": [result, {"type": "text", "text": LONG}]},
    }
    return kinds[role]


def gemini_body(system: str, messages: list[Any]) -> dict[str, Any]:
    schema = {"type": "OBJECT", "properties": {"path": {"type": "STRING", "description": LONG}}}
    tools = [{"functionDeclarations": [{"name": "read", "description": LONG, "parameters": schema}]}]
    return {"contents": messages, "systemInstruction": {"parts": [{"text": system}]}, "tools": tools}


def chat_body(system: str, messages: list[Any]) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": "read", "description": LONG, "parameters": {"a": [LONG]}}}]
    return {"model": "m", "messages": [{"role": "system", "content": system}, *messages], "tools": tools}


def anthropic_body(system: str, messages: list[Any]) -> dict[str, Any]:
    tools = [{"name": "read", "description": LONG, "input_schema": {"type": "object", "title": LONG}}]
    return {"model": "m", "system": [{"type": "text", "text": system}], "messages": messages, "tools": tools}


SHAPES: Final = {
    "gemini": (gemini_message, gemini_body, b"/v1beta/models/gemini-2.5-pro:generateContent"),
    "openai": (chat_message, chat_body, b"/v1/chat/completions"),
    "anthropic": (anthropic_message, anthropic_body, b"/v1/messages"),
}


@st.composite
def histories(draw: st.DrawFn, provider: str) -> list[bytes]:
    """Bodies of a few clients in the order in which they come. Each client changes its history as it likes."""
    message, body, _ = SHAPES[provider]
    messages = st.builds(message, said, st.sampled_from(["user", "model", "tool"]), values)
    clients = [draw(st.lists(messages, max_size=3)) for _ in range(draw(st.integers(1, 2)))]
    systems = [draw(said) for _ in clients]
    spaced = draw(st.booleans())
    found = []
    for _ in range(draw(st.integers(2, 6))):
        which = draw(st.integers(0, len(clients) - 1))
        history = clients[which]
        match draw(st.sampled_from(["add", "add", "add", "again", "change", "remove", "insert", "forget", "system"])):
            case "add":
                history += [draw(messages), draw(messages)]
            case "change" if history:
                history[draw(st.integers(0, len(history) - 1))] = draw(messages)
            case "remove" if history:
                del history[draw(st.integers(0, len(history) - 1))]
            case "insert":
                history.insert(draw(st.integers(0, len(history))), draw(messages))
            case "forget":
                del history[: draw(st.integers(0, len(history)))]
            case "system":
                systems[which] = draw(said)
        separators = None if spaced else (",", ":")
        text = json.dumps(body(systems[which], history), ensure_ascii=draw(st.booleans()), separators=separators)
        found.append(text.encode("utf-8", "surrogatepass"))
    return found


@st.composite
def damaged(draw: st.DrawFn) -> list[bytes]:
    """The same, with bytes that are cut off, put in, left out or exchanged between bodies."""
    bodies = draw(st.sampled_from(sorted(SHAPES)).flatmap(histories))
    found = []
    for body in bodies:
        start, end = sorted(draw(st.tuples(*[st.integers(0, len(body))] * 2)))
        piece = draw(st.sampled_from([b"", b"NaN", b"1", b",", b'"', b"]", b"}", b"[", b"\xff", b'"a":NaN', b"Na"]))
        other = draw(st.sampled_from(bodies))
        changed = [
            body[:end],
            body[:start] + piece + body[start:],
            body[:start] + body[end:],
            body[:start] + other[start:],
            body[:start] + piece + body[end:],
        ]
        found += [body, draw(st.sampled_from(changed))]
    return found


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(bodies=damaged())
@example(bodies=[b'{"contents":[{"a":"' + b"x" * 300 + b'"}]}', b'{"contents":[{"a":"' + b"x" * 300 + b'"}NaN]}'])
@example(bodies=[b'{"contents":[{"a":"' + b"x" * 300 + b'"}]}', b'{"contents":["' + b"x" * 300 + b'"}],"b":NaN}'])
@example(bodies=[b'{"contents":[' + b"[" * 90 + b"]" * 90 + b',{"a":' + b"[" * 97 + b'"' + b"x" * 300 + b'"'
                 + b"]" * 97 + b"}]}"] * 2)  # fmt: skip
def test_a_body_has_the_value_and_the_cut_points_that_it_has_alone(bodies: list[bytes]) -> None:
    """Even if it is damaged, or no JSON at all."""
    resent = ResentBodies(smallest=1)
    resent.wants_gives_back = True
    for body in bodies:
        found, alone = resent.parse(body), parse_body(body)
        # Other than by ==, 1 and True differ, and so do members in another order.
        assert repr((found.value, found.is_json, found.incomplete)) == repr(
            (alone.value, alone.is_json, alone.incomplete)
        )
        assert list(found.cuts or ()) == cut_points(body)
        assert found.gives_back in (None, gives_back(alone.value, body))


def _assembled(body: bytes, provider: str, redactor: Redactor | None, parse: Parse) -> Assembled:
    capture = make_capture(provider=provider, path=SHAPES[provider][2], request=[(100, body)])
    return assemble_read(capture, ID, NOW, PROVIDERS, redactor, parse)


@pytest.mark.parametrize("provider", SHAPES)
@pytest.mark.parametrize("redactor", [None, Redactor(["before, (and)"])], ids=["plain", "redacted"])
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_what_is_recorded_is_the_same(provider: str, redactor: Redactor | None, data: st.DataObject) -> None:
    """The documents, the conversations, their fingerprints and the texts for searches."""
    resent = ResentBodies(smallest=1)
    for body in data.draw(histories(provider)):
        found = _assembled(body, provider, redactor, resent.parse)
        alone = _assembled(body, provider, redactor, parse_body)
        assert repr(found.record.document) == repr(alone.record.document)
        assert found.record.request_raw == alone.record.request_raw
        assert repr(found.conversation) == repr(alone.conversation)
        assert fingerprint_of(found.conversation) == fingerprint_of(alone.conversation)
        said_in = [text_said(each.record.document, each.conversation) for each in (found, alone)]
        assert said_in[0] == said_in[1]


def _body(turns: int, marker: str = "") -> bytes:
    return json.dumps(
        gemini_body(marker, [gemini_message(f"{marker} {n} {LONG}", "user", None) for n in range(turns)])
    ).encode()


def test_messages_that_come_again_are_the_same_objects() -> None:
    """They are not parsed again, and what is computed of one is kept with it."""
    resent = ResentBodies(smallest=1)
    first: Any = resent.parse(_body(5)).value
    later: Any = resent.parse(_body(7)).value
    assert all(one is other for one, other in zip(first["contents"], later["contents"], strict=False))
    assert first["tools"][0] is later["tools"][0]
    assert results_for(later["contents"][6]) is not None


@pytest.mark.parametrize("separators", [None, (",", ":")])
def test_it_is_known_whether_serialising_gives_the_bytes_back(separators: tuple[str, str] | None) -> None:
    """MongoDB keeps the exact bytes of a body only if its value does not give them."""
    resent = ResentBodies(smallest=1)
    resent.wants_gives_back = True
    for turns in (3, 5):
        body = json.dumps(json.loads(_body(turns)), separators=separators).encode()
        assert resent.parse(body).gives_back is (separators is not None)


def test_no_more_is_remembered_than_the_limit() -> None:
    """The bodies that were not continued for longest are forgotten, and what was kept of them is released."""
    resent = ResentBodies(remembered_bytes=3 * len(_body(9)), smallest=1)
    values: list[Any] = [resent.parse(_body(9, marker=f"{LONG} {n}")).value for n in range(6)]
    gc.collect()
    kept = [results_for(value["contents"][8]) is not None for value in values]
    assert not kept[0]
    assert kept[-1]


def test_a_message_within_a_text_is_a_text() -> None:
    """The end of a body is the same as before, but stands within a text now."""
    resent = ResentBodies(smallest=1)
    body = _body(3)
    resent.parse(body)
    quoted = body[:14] + b'"' + body[14:].replace(b'"', b"'") + b'"]}'
    assert resent.parse(quoted).value == parse_body(quoted).value
