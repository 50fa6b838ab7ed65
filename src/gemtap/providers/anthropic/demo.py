"""Anthropic's API in the demo: a simulated upstream, and agents that use it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any, Final

from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, read_json
from gemtap.providers.claude.simulated import messages
from gemtap.providers.claude.simulated.answers import last_text
from gemtap.providers.claude.simulated.caching import PromptCache, count_tokens
from gemtap.providers.demo import Agents, Demo, missing_extra
from gemtap.simulation.base import Simulation
from gemtap.simulation.received import ReceivedRequest
from gemtap.simulation.script import Begin, Pause, Script, Send

_MODELS: Final = ("claude-opus-4-8", "claude-sonnet-4-6", "claude-haiku-4-5")
_MADE: Final = "2026-11-01T00:00:00Z"

# Where several simulations share a socket, this one is below its prefix: Gemini has /v1/models at the root.
_PATH: Final = re.compile(r"(?:/anthropic)?/v1/(messages(?:/.*)?|complete|models(?:/.*)?)")

_ENDED: Final[dict[str, Json]] = {
    "custom_id": "first",
    "params": {
        "model": _MODELS[0],
        "thinking": {"type": "enabled"},
        "messages": [{"role": "user", "content": "Summarize."}],
    },
}
"""The request of a batch that has ended before the simulation begins."""


class AnthropicSimulation(Simulation):
    """Messages, counting, batches, models and text completions. Every key is accepted, but there must be one."""

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._cache = PromptCache()
        self._batches: dict[str, list[dict[str, Json]]] = {"msgbatch_1": [_ENDED]}

    def knows(self, request: ReceivedRequest) -> bool:
        """What only this API has, and its list of models below the prefix or for its own clients."""
        path = request.target.partition("?")[0]
        is_own = path.startswith(("/anthropic/", "/v1/messages", "/v1/complete"))
        return _PATH.fullmatch(path) is not None and (is_own or bool(request.header_values("anthropic-version")))

    def respond(self, request: ReceivedRequest) -> Script:
        """The response to any request."""
        found = _PATH.fullmatch(request.target.partition("?")[0])
        if found is None:
            return messages.error(404)
        if not request.header_values("x-api-key") and not request.header_values("authorization"):
            return messages.error(401, "x-api-key header is required")
        body = read_json(request.body) if request.body else {}
        if not isinstance(body, dict):
            return messages.error(400, "The request body is not valid JSON")
        match request.method, found[1].split("/"):
            case "POST", ["messages"]:
                stream = body.get("stream") is True
                model = as_text(body.get("model")) or ""
                return messages.answer(body, model, self._cache, stream=stream, pace=self._pace)
            case "POST", ["messages", "count_tokens"]:
                return messages.document({"input_tokens": count_tokens(body)})
            case _, ["messages", "batches", *rest]:
                host = next(iter(request.header_values("host")), "localhost")
                return self._batch(request.method, rest, body, f"http://{host}")
            case "GET", ["models"]:
                data = [_model(name) for name in _MODELS]
                ends = {"first_id": _MODELS[0], "last_id": _MODELS[-1]}
                return messages.document({"data": data, "has_more": False, **ends})
            case "GET", ["models", name]:
                return messages.document(_model(name)) if name in _MODELS else messages.error(404)
            case "POST", ["complete"]:
                return self._complete(body)
            case _:
                return messages.error(404)

    def _batch(self, method: str, rest: list[str], body: dict[str, Json], origin: str) -> Script:
        """`origin`: where the API is, which results are downloaded from."""
        match method, rest:
            case "POST", []:
                id_ = f"msgbatch_{hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:22]}"
                self._batches[id_] = [as_dict(each) for each in as_list(body.get("requests"))]
                return messages.document(self._told(id_, "in_progress", origin))
            case "GET", []:
                return messages.document({"data": [self._told(id_, "ended", origin) for id_ in self._batches]})
            case "GET", [id_] if id_ in self._batches:
                return messages.document(self._told(id_, "ended", origin))
            case "POST", [id_, "cancel"] if id_ in self._batches:
                return messages.document(self._told(id_, "canceling", origin))
            case "GET", [id_, "results"] if id_ in self._batches:
                lines = [json.dumps(self._result(each)).encode() + b"\n" for each in self._batches[id_]]
                return [Begin(200, "application/x-jsonl", sum(map(len, lines))), *map(Send, lines)]
            case "DELETE", [id_] if self._batches.pop(id_, None) is not None:
                return messages.document({"id": id_, "type": "message_batch_deleted"})
            case _:
                return messages.error(404)

    def _told(self, id_: str, status: str, origin: str) -> dict[str, Any]:
        number = len(self._batches[id_])
        counts = {"processing": 0, "succeeded": number, "errored": 0, "canceled": 0, "expired": 0}
        return {
            "id": id_,
            "type": "message_batch",
            "processing_status": status,
            "request_counts": counts,
            "created_at": _MADE,
            "expires_at": _MADE,
            "ended_at": _MADE if status == "ended" else None,
            "cancel_initiated_at": _MADE if status == "canceling" else None,
            "archived_at": None,
            "results_url": f"{origin}/v1/messages/batches/{id_}/results" if status == "ended" else None,
        }

    def _result(self, asked: dict[str, Json]) -> dict[str, Any]:
        params = as_dict(asked.get("params"))
        made = messages.message(params, as_text(params.get("model")) or "", self._cache)
        made["usage"]["service_tier"] = "batch"
        return {"custom_id": asked.get("custom_id"), "result": {"type": "succeeded", "message": made}}

    def _complete(self, body: dict[str, Json]) -> Script:
        prompt = as_text(body.get("prompt")) or ""
        text = f" On “{last_text({'messages': [{'content': prompt}]}).strip()[:40]}”: take small steps."
        whole = {"type": "completion", "id": "compl_1", "completion": text, "stop_reason": "stop_sequence"}
        whole["model"] = as_text(body.get("model")) or ""
        if body.get("stream") is not True:
            return messages.document(whole)
        events = [{**whole, "completion": text, "stop_reason": None}, {**whole, "completion": ""}]
        frames = [f"event: completion\r\ndata: {json.dumps(event)}\r\n\r\n".encode() for event in events]
        steps: Script = [Begin(200, "text/event-stream; charset=utf-8")]
        for each in frames:
            steps += [Pause(self._pace), Send(each)]
        return steps


def _model(name: str) -> dict[str, Json]:
    return {"type": "model", "id": name, "display_name": name.replace("-", " ").title(), "created_at": _MADE}


class AnthropicDemo(Demo):
    """Anthropic's API without an account."""

    def simulation(self, pace: float = 0.0) -> Simulation:
        """Messages with streams, thinking, tools, prompt caching and faults."""
        return AnthropicSimulation(pace)

    def agents(self, origin: str, *, seed: int, pause: float, on_turn: Callable[[str], None]) -> Agents:
        """Coding agents."""
        from gemtap.providers.anthropic.agents import AnthropicAgents

        return AnthropicAgents(origin, seed=seed, pause=pause, on_turn=on_turn)

    def missing(self) -> str | None:
        """The agents use aiohttp, which is an extra."""
        return missing_extra("aiohttp", "aiohttp")


DEMO: Final = AnthropicDemo()
