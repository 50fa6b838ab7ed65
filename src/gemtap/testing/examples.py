"""Examples of exchanges, from which the contract of providers is tested."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gemtap.dialects.base import RawExchange
from gemtap.interaction import Json

_MOST_PLACES: Final = 120
"""Places of a body that are damaged: more would only take longer."""

_DAMAGE: Final[tuple[Json, ...]] = (None, True, -1, 1.5, "", "\ud800", "[redacted:abcd]", [], {}, [[None]], {"x": {}})


@dataclass(frozen=True, slots=True)
class Example:
    """One exchange, and what is to be read out of it."""

    method: str
    path: str
    """Raw, as it goes to the upstream: without `/PREFIX`."""
    operation: str
    model: str | None = None
    request: Json = None
    """The body; None for an empty one."""
    response: Json | bytes = None
    """The body: bytes as they are, such as a stream of server-sent events; anything else as JSON."""
    content_type: str = "application/json"
    """Content type of the response."""
    status: int = 200
    tokens: Mapping[str, int] = field(default_factory=dict)
    """Expected counts, such as `{"input": 12, "output": 3}`. Other counts are not tested."""
    prompt: str | None = None
    """A text that the last message of the conversation's prompt contains. None: it is no conversation."""
    answer: str | None = None
    """A text that the answer contains."""

    def exchange(self) -> RawExchange:
        """The exchange as the recorder gives it to a provider."""
        return make_exchange(self, self.request, self.response)

    def damaged(self) -> Iterator[RawExchange]:
        """The exchange with one value of a body replaced, or with a response that breaks off."""
        for request in _damaged(self.request):
            yield make_exchange(self, request, self.response)
        for response in _damaged(self.response):
            yield make_exchange(self, self.request, response)
        raw = _raw(self.response)
        for end in range(0, len(raw), max(1, len(raw) // 40)):
            yield make_exchange(self, self.request, raw[:end], whole=False)
            yield make_exchange(self, self.request, raw[:end] + b'{"error": []}\r\n\r\ndata: 1\n\n\x00\xff')


def make_exchange(example: Example, request: Json, response: Json | bytes, *, whole: bool = True) -> RawExchange:
    """An exchange like the example with other bodies."""
    request_raw, response_raw = b"" if request is None else _raw(request), _raw(response)
    return RawExchange(
        method=example.method,
        path=example.path,
        query="",
        request_headers={"content-type": "application/json"},
        request_raw=request_raw,
        request_json=request,
        status=example.status,
        response_headers={"content-type": example.content_type},
        response_raw=response_raw,
        response_json=_parsed(response_raw),
        response_whole=whole,
    )


def _raw(body: Json | bytes) -> bytes:
    # Lone surrogates are written as escapes, as clients send them.
    return body if isinstance(body, bytes) else json.dumps(body).encode("ascii")


def _parsed(raw: bytes) -> Json:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _damaged(body: Json | bytes) -> Iterator[Json]:
    """The body with each of its values replaced by each kind of damage, one at a time."""
    if isinstance(body, bytes):
        return
    yield from _DAMAGE
    for place in list(_places(body))[:_MOST_PLACES]:
        for value in _DAMAGE:
            changed: Any = copy.deepcopy(body)
            inside = changed
            for name in place[:-1]:
                inside = inside[name]
            inside[place[-1]] = value
            yield changed


def _places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The names and indices that lead to each value in a body."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inside:
        yield (*before, name)
        yield from _places(item, (*before, name))
