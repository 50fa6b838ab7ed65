"""A request in the form that the surfaces of the simulated API use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import parse_qs, unquote

from gemtap.providers.google.simulated import errors
from gemtap.providers.google.simulated.wire import Form
from gemtap.simulation.received import ReceivedRequest

_INVALID_KEY: Final = "invalid"

_OPENAI: Final = "/openai/"


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    received: ReceivedRequest
    path: str
    """Decoded, without the query."""
    query: Mapping[str, str]
    """Decoded. The last value if a name is repeated."""
    pace: float
    """Seconds between the chunks of a stream."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Named groups that the route matched in the path: `version`, `model`, `operation`, ..."""

    @classmethod
    def read(cls, received: ReceivedRequest, pace: float) -> Self:
        """Parse the target of a received request."""
        path, _, raw_query = received.target.partition("?")
        query = {name: values[-1] for name, values in parse_qs(raw_query).items()}
        return cls(received, unquote(path), query, pace)

    @property
    def origin(self) -> str:
        """`http://HOST:PORT` from the Host header. Behind a proxy that rewrites Host, this is the proxy's address."""
        return "http://" + next(iter(self.received.header_values("host")), "localhost")

    @property
    def form(self) -> Form:
        """Format of the response according to the path. A body can request another one."""
        if not self.path.endswith(":streamGenerateContent"):
            return Form.DOCUMENT
        return Form.SSE if self.alt.split(";")[0] == "sse" else Form.ARRAY

    @property
    def error_form(self) -> Form:
        """Format of an error. The OpenAI-compatible paths return an array with one element."""
        return Form.ARRAY if _OPENAI in self.path else self.form

    @property
    def alt(self) -> str:
        """The query's `alt`, such as `sse` and `json;enum-encoding=int`."""
        return self.query.get("alt") or self.query.get("$alt") or "json"

    def credential(self) -> str:
        """The caller's key or token. Raises ApiError if there is none, or if it is known to be invalid."""
        candidates = [
            *self.received.header_values("x-goog-api-key"),
            self.query.get("key", ""),
            self.query.get("access_token", ""),
            # `Bearer TOKEN`, `Token TOKEN`
            *(value.rpartition(" ")[2] for value in self.received.header_values("authorization")),
        ]
        key = next(filter(None, candidates), None)
        if key is None:
            raise errors.unregistered_caller()
        if key == _INVALID_KEY:
            raise errors.invalid_key()
        return key

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; an empty body is an empty object. Raises ApiError."""
        return parse_object(self.received.body.decode("utf-8", "replace") or "{}")


def parse_object(text: str) -> dict[str, Any]:
    """Parse a JSON object. Raises ApiError with Google's message for any other text."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as exc:
        raise errors.invalid_json(text, exc.pos) from exc
    except (ValueError, RecursionError) as exc:
        # Numbers with thousands of digits, or brackets nested thousands deep.
        raise errors.invalid_json(text, 0) from exc
    if not isinstance(value, dict):
        raise errors.invalid_argument('Invalid JSON payload received. Unknown name "": Root element must be a message.')
    return value
