"""Asking the simulated API without a network: a request in, and its script played to the end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gemtap.providers.code_assist.demo import DEMO as CODE_ASSIST
from gemtap.providers.gemini.demo import DEMO as GEMINI
from gemtap.providers.google.simulated.world import World
from gemtap.providers.vertex.demo import DEMO as VERTEX
from gemtap.simulation.received import ReceivedRequest
from gemtap.simulation.script import Begin, Disconnect, Pause, Script, Send, Stall

MODEL = "gemini-2.5-flash"
CONTENTS = [{"role": "user", "parts": [{"text": "Why is the sky blue?"}]}]
WEATHER = {
    "name": "weather",
    "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]},
}


@dataclass(frozen=True)
class Reply:
    script: Script

    @property
    def begin(self) -> Begin:
        return next(step for step in self.script if isinstance(step, Begin))

    @property
    def status(self) -> int:
        return self.begin.status

    @property
    def pieces(self) -> list[bytes]:
        return [step.piece for step in self.script if isinstance(step, Send)]

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        body = self.json
        return (body[0] if isinstance(body, list) else body)["error"]

    @property
    def events(self) -> list[Any]:
        """The JSON in its SSE frames; `[DONE]` is none."""
        lines = self.body.decode().splitlines()
        values = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
        return [json.loads(value) for value in values if value != "[DONE]"]

    def header(self, name: str) -> str:
        return dict(self.begin.headers)[name]

    @property
    def ends_properly(self) -> bool:
        return not isinstance(self.script[-1], Disconnect | Stall)

    @property
    def pauses(self) -> list[float]:
        return [step.seconds for step in self.script if isinstance(step, Pause)]


class Api:
    """The simulated API with its memory."""

    def __init__(self, pace: float = 0.0) -> None:
        self.world = World()
        self._apis = [demo.simulation(pace, self.world) for demo in (GEMINI, VERTEX, CODE_ASSIST)]

    def ask(
        self,
        method: str,
        target: str,
        body: Any = b"",
        *,
        key: str | None = "any",
        headers: dict[str, str] | None = None,
    ) -> Reply:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"host": "api.test", "content-length": str(len(content)), **(headers or {})}
        if key is not None:
            sent["x-goog-api-key"] = key
        received = ReceivedRequest(method, target, [(name.encode(), value.encode()) for name, value in sent.items()])
        received.body, received.body_bytes = content, len(content)
        api = next((each for each in self._apis if each.knows(received)), self._apis[0])
        sink = api.sink(received)
        if sink is not None:
            sink(content)
        return Reply(api.respond(received))

    def get(self, target: str, **options: Any) -> Reply:
        return self.ask("GET", target, **options)

    def post(self, target: str, body: Any = b"", **options: Any) -> Reply:
        return self.ask("POST", target, body, **options)

    def generate(self, model: str = MODEL, **request: Any) -> Any:
        return self.post(f"/v1beta/models/{model}:generateContent", {"contents": CONTENTS, **request}).json

    def stream(self, model: str = MODEL, query: str = "?alt=sse", **request: Any) -> Reply:
        return self.post(f"/v1beta/models/{model}:streamGenerateContent{query}", {"contents": CONTENTS, **request})


def parts_of(messages: list[Any]) -> list[Any]:
    return [part for message in messages for each in message["candidates"] for part in each["content"]["parts"]]


def text_of(messages: list[Any]) -> str:
    return "".join(part.get("text", "") for part in parts_of(messages) if not part.get("thought"))
