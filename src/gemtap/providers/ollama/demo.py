"""Ollama in the demo: a simulated server with one model, which thinks, calls tools and answers."""

from __future__ import annotations

import json
from typing import Any, Final

from gemtap.providers.demo import Demo
from gemtap.simulation.base import Simulation
from gemtap.simulation.received import ReceivedRequest
from gemtap.simulation.script import Begin, Pause, Script, Send

MODEL: Final = "qwen3"

_JSON: Final = "application/json; charset=utf-8"
_AT: Final = "2026-11-01T12:00:00.000000Z"
_TIMES: Final = {"total_duration": 900_000_000, "load_duration": 20_000_000, "prompt_eval_duration": 80_000_000}


class OllamaSimulation(Simulation):
    """Chats, completions, embeddings and the list of models. Streams unless the request says otherwise."""

    def __init__(self, pace: float) -> None:
        self._pace = pace

    def knows(self, request: ReceivedRequest) -> bool:
        """Its own paths."""
        path = _path(request)
        return path == "/" or path.startswith("/api/")

    def respond(self, request: ReceivedRequest) -> Script:
        """The answer; an error for another model, as of a server that has not pulled it."""
        path = _path(request)
        if path == "/":
            return [Begin(200, "text/plain; charset=utf-8", 17), Send(b"Ollama is running")]
        if path == "/api/tags":
            return _document(200, {"models": [{"name": MODEL, "model": MODEL, "size": 2_500_000_000}]})
        if path == "/api/version":
            return _document(200, {"version": "0.12.6"})
        try:
            body = json.loads(request.body)
            model = str(body["model"])
        except (ValueError, LookupError, TypeError):
            return _document(400, {"error": "model is required"})
        if model != MODEL:
            return _document(404, {"error": f"model '{model}' not found"})
        match path:
            case "/api/chat":
                return self._lines(body, [{"message": each} for each in _messages(body)])
            case "/api/generate":
                return self._lines(body, [{"response": word} for word in ("You ", "asked.")])
            case "/api/embed":
                given = body.get("input")
                vectors = [[0.25, -0.5, 0.125] for _ in (given if isinstance(given, list) else [given])]
                return _document(200, {"model": MODEL, "embeddings": vectors, "prompt_eval_count": 4, **_TIMES})
            case _:
                return _document(404, {"error": "404 page not found"})

    def _lines(self, body: dict[str, Any], pieces: list[dict[str, Any]]) -> Script:
        common = {"model": MODEL, "created_at": _AT}
        counts = {"prompt_eval_count": len(json.dumps(body)) // 4, "eval_count": 3 * len(pieces)}
        last = {"done": True, "done_reason": "stop", **_TIMES, **counts, "eval_duration": 800_000_000}
        name = next(iter(pieces[0]))
        if body.get("stream") is False:
            return _document(200, {**common, name: _joined([each[name] for each in pieces]), **last})
        empty: Any = {"role": "assistant", "content": ""} if name == "message" else ""
        script: Script = [Begin(200, "application/x-ndjson")]
        for piece in [*({**each, "done": False} for each in pieces), {name: empty, **last}]:
            script += [Pause(self._pace), Send(json.dumps({**common, **piece}).encode() + b"\n")]
        return script


def _messages(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The pieces of the answer: a call if there are tools and no result yet."""
    said = [each for each in body.get("messages") or [] if isinstance(each, dict)]
    pieces = []
    if body.get("think"):
        pieces += [{"role": "assistant", "content": "", "thinking": word} for word in ("Let me ", "see.")]
    if body.get("tools") and not any(each.get("role") == "tool" for each in said):
        function = {"name": body["tools"][0]["function"]["name"], "arguments": {"city": "Paris"}}
        return [*pieces, {"role": "assistant", "content": "", "tool_calls": [{"function": function}]}]
    last = str(said[-1].get("content", "")) if said else ""
    return [*pieces, *({"role": "assistant", "content": word} for word in ("You said: ", last))]


def _joined(pieces: list[Any]) -> Any:
    if isinstance(pieces[0], str):
        return "".join(pieces)
    message: dict[str, Any] = {"role": "assistant", "content": "".join(each["content"] for each in pieces)}
    if thinking := "".join(each.get("thinking", "") for each in pieces):
        message["thinking"] = thinking
    if calls := [call for each in pieces for call in each.get("tool_calls", [])]:
        message["tool_calls"] = calls
    return message


def _path(request: ReceivedRequest) -> str:
    return request.target.partition("?")[0]


def _document(status: int, value: Any) -> Script:
    body = json.dumps(value).encode()
    return [Begin(status, _JSON, len(body)), Send(body)]


class OllamaDemo(Demo):
    """Ollama without a model."""

    def simulation(self, pace: float = 0.0) -> Simulation:
        """A server with one model."""
        return OllamaSimulation(pace)


DEMO: Final = OllamaDemo()
