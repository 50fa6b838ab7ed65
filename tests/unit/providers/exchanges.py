"""Exchanges for the tests of providers: as the recorder hands them on."""

from __future__ import annotations

import json
from typing import Any, Final

from hypothesis import strategies as st

from gemtap.body import parse_body
from gemtap.dialects.base import Parsed, RawExchange
from gemtap.providers.registry import PROVIDERS

GENERATE: Final = "/v1beta/models/gemini-2.5-pro:generateContent"
STREAM: Final = "/v1beta/models/gemini-2.5-pro:streamGenerateContent"
INTERACTIONS: Final = "/v1beta/interactions"

SSE: Final = "text/event-stream"
JSON: Final = "application/json; charset=UTF-8"


def make_exchange(
    *,
    method: str = "POST",
    path: str = GENERATE,
    request: Any = None,
    status: int | None = 200,
    content_type: str | None = JSON,
    response: Any = b"",
    whole: bool = True,
) -> RawExchange:
    """An exchange with these bodies: bytes as they are, anything else as JSON; an empty request for None."""
    request_raw = _raw(b"" if request is None else request)
    response_raw = _raw(response)
    sent, answered = parse_body(request_raw), parse_body(response_raw)
    return RawExchange(
        method=method,
        path=path,
        query="",
        request_headers={},
        request_raw=request_raw,
        request_json=sent.value if sent.is_json else None,
        status=status,
        response_headers={} if content_type is None else {"content-type": content_type},
        response_raw=response_raw,
        response_json=answered.value if answered.is_json else None,
        response_whole=whole,
    )


def _raw(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def parse(**fields: Any) -> Parsed:
    return PROVIDERS["gemini"].parse(make_exchange(**fields))


def parse_stream(*chunks: Any, **fields: Any) -> Parsed:
    """A stream of these chunks as server-sent events."""
    return parse(**{"path": STREAM, "content_type": SSE, "response": events(*chunks), **fields})


def events(*chunks: Any) -> bytes:
    """Chunks as the API frames them with `alt=sse`."""
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in chunks)


def array(*chunks: Any) -> bytes:
    """Chunks as the API frames them without `alt=sse`."""
    return b"[" + b"\r\n,".join(json.dumps(chunk).encode() for chunk in chunks) + b"\r\n]\r\n"


def candidate(*parts: Any, **fields: Any) -> dict[str, Any]:
    """A chunk with one candidate of these parts."""
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, **fields}]}


def text(words: str, **fields: Any) -> dict[str, Any]:
    return {"text": words, **fields}


def call(name: str, **args: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": args}}


LEAVES: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(st.characters(), max_size=8),  # lone surrogates too
)

json_values: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
