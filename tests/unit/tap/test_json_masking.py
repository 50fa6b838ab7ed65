"""Texts at secret paths are replaced in a body that passes in pieces, and nothing else is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gemtap.providers.declared_secrets import SECRETS
from gemtap.providers.secrets import Paths
from gemtap.tap import json_masking
from gemtap.tap.json_masking import NOT_JSON, Masker

SECRET = "canary-0123456789"
PATHS = SECRETS["gemini"].everywhere.request


def masked(body: bytes, *sizes: int, events: bool = False, strict: bool = True) -> tuple[bytes, Masker]:
    """The body after it has passed in pieces of these sizes, the last one again and again."""
    masker = Masker(PATHS, lambda _: b"[redacted]", events=events, strict=strict)
    kept, at, left = [], 0, list(sizes)
    while at < len(body):
        size = (left.pop(0) if len(left) > 1 else left[0]) if left else len(body)
        kept.append(masker.add(body[at : at + size]))
        at += size
    masker.close()
    return b"".join(kept), masker


def expected(value: Any) -> Any:
    """What a parser would make of it."""

    def walk(value: Any, names: tuple[str, ...]) -> Any:
        match value:
            case dict():
                return {name: walk(item, (*names, json_masking_name(name))) for name, item in value.items()}
            case list():
                return [walk(item, names) for item in value]
            case None | bool():
                return value
            case _:
                return "[redacted]" if value != "" and PATHS.lead_to(names) else value

    return walk(value, ())


def json_masking_name(name: str) -> str:
    return name.replace("_", "").replace("-", "").replace("/", "").lower()


names = st.sampled_from(
    ["tools", "headers", "contents", "text", "mcp_servers", "streamableHttpTransport", "Authorization", "a", 'q"x', "é"]
)
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-99, 99), st.text(max_size=8), st.sampled_from([SECRET, '"headers"', '\\"{'])
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=25
)
bodies = st.dictionaries(names, values, max_size=4)


@example(value={"tools": {"Authorization": 0}}, sizes=[], indent=None)
@given(value=bodies, sizes=st.lists(st.integers(1, 40), max_size=6), indent=st.sampled_from([None, 1]))
def test_a_body_in_pieces_is_masked_as_a_parser_would_mask_it(value: Any, sizes: list[int], indent: int | None) -> None:
    """Whatever the JSON is and however it is cut, what is kept is the JSON with the secret texts replaced."""
    body = json.dumps(value, indent=indent).encode()
    kept, masker = masked(body, *sizes)
    assert masker.fault is None
    assert json.loads(kept) == expected(value)
    if expected(value) == value:
        assert kept == body


@given(
    st.lists(st.sampled_from([*'{}[]",:\\ \n', '"tools"', '"headers"', f'"{SECRET}"', "1", "'"]), max_size=40),
    st.data(),
)
def test_no_secret_is_kept_of_what_is_no_json(tokens: list[str], data: st.DataObject) -> None:
    """Whatever follows or precedes it, a text that any reader would find at a secret path is not kept."""
    before = "".join(tokens)
    body = f'{before}{{"tools":[{{"headers":{{"X":"{SECRET}"}}}}]}}'.encode()
    try:
        json.loads(before)
    except ValueError:
        pass
    kept, masker = masked(body, *data.draw(st.lists(st.integers(1, 30), max_size=4)))
    assert masker.fault == NOT_JSON or SECRET.encode() not in kept.removeprefix(before.encode()) or is_text(before)


def is_text(before: str) -> bool:
    """Whether what follows stands within a text: then it is no member of anything."""
    return before.replace("\\\\", "").replace('\\"', "").count('"') % 2 == 1


def test_a_schema_and_a_conversation_that_speak_of_headers_stay() -> None:
    """Only the places count, not the words: a tool that takes headers, and code that names them."""
    body = json.dumps(
        {
            "contents": [{"parts": [{"text": 'fetch(u, {"headers": {"Authorization": "Bearer x"}})'}]}],
            "tools": [{"functionDeclarations": [{"parameters": {"properties": {"headers": {"type": "object"}}}}]}],
        }
    ).encode()
    for size in (1, 7, 64, len(body)):
        assert masked(body, size)[0] == body


@pytest.mark.parametrize(
    "body",
    [
        rb'{"tools":[{"h\u0065aders":{"A":"canary-0123456789"}}]}',
        rb'{"t\u006fols":[{"headers":{"A":"canary-0123456789"}}]}',
        b'{ "tools" : { "headers" : { "A" :\n "canary-0123456789" } } }',
        b'{"tools":[{"headers":{"A":["canary-0123456789", "canary-0123456789"]}}]}',
        b'{"tools":[{"headers":{"A":"x","A":"canary-0123456789"},"headers":{"A":"canary-0123456789"}}]}',
        rb'{"tools":[{"headers":{"A":"\"canary-0123456789\\"}}]}',
        b'{"request":{"tools":[{"mcpServers":[{"streamableHttpTransport":{"headers":{"A":"canary-0123456789"}}}]}]}}',
        b'{"tools":[{"headers":{"A":0123456789}}]}',
    ],
    ids=["escaped", "parent escaped", "spaces", "list", "twice", "escapes", "deep", "number"],
)
def test_however_it_is_spelt_it_is_replaced(body: bytes) -> None:
    """Escapes in names, spaces, lists, repeated names and numbers make no difference, wherever the body is cut."""
    for size in (*range(1, 12), len(body)):
        kept, masker = masked(body, size)
        assert masker.masked
        assert b"0123456789" not in kept
        assert b"[redacted]" in kept


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"x"","tools":[{"headers":{"A":"canary-0123456789"}}]}',
        b"{'tools':[{'headers':{'A':'canary-0123456789'}}]}",
        b"{tools:[{headers:{A:'canary-0123456789'}}]}",
        b'{"tools":[{"headers":{"A" "canary-0123456789"}}]}',
        b'{"tools":[{"headers":{"A":\'canary-0123456789\'}}]}',
        b'{"tools":[{"headers":{"A":"\x00"}]],"canary-0123456789"}',
    ],
)
def test_what_is_no_json_is_left_out(body: bytes) -> None:
    """Where upstreams may see a secret and this cannot tell, nothing that follows is kept."""
    for size in (1, 5, len(body)):
        kept, masker = masked(body, size)
        assert masker.fault == NOT_JSON
        assert b"0123456789" not in kept


def test_the_digest_of_what_is_left_out_is_known() -> None:
    """A body that is left out can still be told from another."""
    import hashlib

    body = b'{"a":[1,2,3],"tools":[{"headers":{"A" "x"}}],"more":[1,2]}'
    for size in (1, 5, len(body)):
        masker = masked(body, size)[1]
        assert masker.digest is not None
        assert masker.digest.digest() == hashlib.sha256(body).digest()


def test_events_are_masked_one_by_one() -> None:
    """A stream of server-sent events is many values, and one that ends amid a value spoils no other."""
    event = b'event: e\ndata: {"interaction":{"tools":[{"headers":{"A":"canary-0123456789"}}]}}\n\n'
    other = b'data: {"text":"' + b"x" * 500 + b'"}\r\n\r\n'
    stream = (other * 3 + event) * 3 + b'data: {"torn":\n\n' + event + b"data: [DONE]\n\n"
    for size in (1, 13, 200, len(stream)):
        kept, masker = masked(stream, size, events=True, strict=False)
        assert masker.fault is None
        assert kept == stream.replace(b"canary-0123456789", b"[redacted]")


def test_a_long_body_is_masked_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not remembered any more has been read."""
    monkeypatch.setattr(json_masking, "_REMEMBERED", 1000)
    member = b'{"role":"user","parts":[{"text":"' + b"y" * 90 + b'"}]},'
    body = b'{"contents":[' + member * 100 + b'{}],"tools":[{"headers":{"A":"canary-0123456789"}}]}'
    kept, masker = masked(body, 64)
    assert masker.fault is None
    assert kept == body.replace(b"canary-0123456789", b"[redacted]")


def test_bytes_that_are_no_json_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file or a picture passes as it is, however long."""
    monkeypatch.setattr(json_masking, "_REMEMBERED", 1000)
    body = bytes(range(256)) * 100
    assert masked(body, 100, strict=False)[0] == body


def test_nothing_is_remembered_in_the_end() -> None:
    """What all bodies remember together is bounded, so that none may keep its share."""
    before = json_masking._memory.used
    masked(b'{"a":"' + b"z" * 5000 + b'"}', 100)
    masked(b"data: {}\n\n" * 50, 7, events=True)
    assert json_masking._memory.used == before


def test_no_paths_mask_nothing() -> None:
    """A file may have any names in it."""
    masker = Masker(Paths(()), lambda _: b"!", events=False, strict=False)
    assert masker.add(b'{"tools":[{"headers":{"a":"b"}}]}') == b'{"tools":[{"headers":{"a":"b"}}]}'
