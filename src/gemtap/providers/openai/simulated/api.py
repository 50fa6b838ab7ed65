"""The simulated API: which path is answered by what."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any, Final
from urllib.parse import parse_qsl

from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_text, count, one_or_many, read_json
from gemtap.providers.openai.simulated import chat
from gemtap.providers.openai.simulated.answers import text_of, tokens_of
from gemtap.providers.openai.simulated.conversations import conversation, listed
from gemtap.providers.openai.simulated.faults import document, failure_of, refusal, streamed
from gemtap.providers.openai.simulated.files import Files, form_of
from gemtap.providers.openai.simulated.realtime import RealtimeSession
from gemtap.providers.openai.simulated.responses import Responses, ResponsesSession, events_of
from gemtap.simulation.base import Session, Simulation
from gemtap.simulation.received import ReceivedRequest
from gemtap.simulation.script import Begin, Script, Send

MODELS: Final = ("gpt-5", "gpt-5-mini", "gpt-4.1", "text-embedding-3-small", "gpt-realtime", "whisper-1")

_PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_SILENCE: Final = b"RIFF" + b"\0" * 40


class OpenAISimulation(Simulation):
    """OpenAI's API with the responses and files that it was given."""

    def __init__(self, pace: float = 0.0) -> None:
        self._pace = pace
        self._responses = Responses()
        self._files = Files(self._answer_line)
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Script]]] = [
            (method, re.compile(f"/v1{path}"), respond)
            for method, path, respond in (
                ("POST", "/chat/completions", self._chat),
                ("POST", "/responses", self._respond),
                ("POST", "/responses/input_tokens", self._count),
                ("GET", "/responses/(?P<id>[^/]+)", self._look_up),
                ("POST", "/responses/(?P<id>[^/]+)/cancel", self._cancel),
                ("DELETE", "/responses/(?P<id>[^/]+)", self._forget),
                ("POST", "/conversations", self._hold),
                ("GET", "/conversations/(?P<id>[^/]+)", self._held),
                ("DELETE", "/conversations/(?P<id>[^/]+)", self._let_go),
                ("GET", "/conversations/(?P<id>[^/]+)/items", self._items),
                ("POST", "/conversations/(?P<id>[^/]+)/items", self._add_items),
                ("POST", "/embeddings", self._embed),
                ("POST", "/moderations", self._moderate),
                ("POST", "/images/(?:generations|edits)", self._picture),
                ("POST", "/audio/speech", self._speak),
                ("POST", "/audio/transcriptions", self._transcribe),
                ("GET", "/models", self._models),
                ("GET", "/models/(?P<id>[^/]+)", self._model),
                ("POST", "/files", self._files.upload),
                ("GET", "/files/(?P<id>[^/]+)", self._files.look_up),
                ("GET", "/files/(?P<id>[^/]+)/content", self._files.content),
                ("POST", "/batches", self._files.begin),
                ("GET", "/batches", self._files.list_batches),
                ("GET", "/batches/(?P<id>[^/]+)", self._files.poll),
                ("POST", "/batches/(?P<id>[^/]+)/cancel", self._files.cancel),
                ("POST", "/realtime/client_secrets", self._client_secret),
            )
        ]

    def knows(self, request: ReceivedRequest) -> bool:
        """Whether it is one of these paths."""
        path = request.target.partition("?")[0]
        return path == "/v1/realtime" or any(pattern.fullmatch(path) for _, pattern, _ in self._routes)

    def respond(self, request: ReceivedRequest) -> Script:
        """An answer; an error for an unknown path, and without a key."""
        path = request.target.partition("?")[0]
        if not request.header_values("authorization"):
            return refusal(401)
        for method, pattern, respond in self._routes:
            found = pattern.fullmatch(path)
            if method == request.method and found is not None:
                body = _asked(request)
                failure = failure_of(as_text(body.get("model")) or "")
                return refusal(failure) if failure is not None else respond(body, **found.groupdict())
        return refusal(404, f"Invalid URL ({request.method} {path})")

    def open_session(self, request: ReceivedRequest) -> Session | Script | None:
        """A Realtime session, or responses over a WebSocket."""
        path, _, query = request.target.partition("?")
        if path == "/v1/responses":
            return ResponsesSession(self._responses, self._pace)
        model = re.search(r"(?:^|&)model=([^&]+)", query)
        return RealtimeSession(model[1] if model else "gpt-realtime", self._pace) if path == "/v1/realtime" else None

    def _chat(self, body: dict[str, Any]) -> Script:
        if not isinstance(body.get("messages"), list):
            return refusal(400, "Missing required parameter: 'messages'.")
        if not body.get("stream"):
            return document(chat.complete(body))
        events = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chat.stream(body)]
        return streamed(str(body.get("model")), [*events, b"data: [DONE]\n\n"], self._pace, last=3)

    def _respond(self, body: dict[str, Any]) -> Script:
        response = self._responses.create(body)
        if not body.get("stream"):
            return document(response)
        return streamed(str(body.get("model")), _framed(events_of(response)), self._pace, last=1)

    def _count(self, body: dict[str, Any]) -> Script:
        return document({"object": "response.input_tokens", "input_tokens": tokens_of(json.dumps(body.get("input")))})

    def _look_up(self, asked: dict[str, Any], id: str) -> Script:
        found = self._responses.look_up(id, streaming=asked.get("stream") == "true")
        if found is None:
            return refusal(404, f"Response with id '{id}' not found.")
        if asked.get("stream") != "true":
            return document(found)
        after = asked.get("starting_after", "")
        begun = int(after) + 1 if after.isdecimal() else 0
        return streamed("", _framed(events_of(found)[begun:]), self._pace, last=1)

    def _cancel(self, _body: dict[str, Any], id: str) -> Script:
        found = self._responses.cancel(id)
        return document(found) if found is not None else refusal(404, f"Response with id '{id}' not found.")

    def _hold(self, body: dict[str, Any]) -> Script:
        return document(self._responses.hold(body))

    def _held(self, _body: dict[str, Any], id: str) -> Script:
        return document(conversation(id)) if self._responses.items(id) is not None else refusal(404)

    def _let_go(self, _body: dict[str, Any], id: str) -> Script:
        done = self._responses.let_go(id)
        return document({"id": id, "object": "conversation.deleted", "deleted": True}) if done else refusal(404)

    def _items(self, _body: dict[str, Any], id: str) -> Script:
        found = self._responses.items(id)
        return document(listed(found)) if found is not None else refusal(404)

    def _add_items(self, body: dict[str, Any], id: str) -> Script:
        added = self._responses.add_items(id, body)
        return document(listed(added)) if added is not None else refusal(404)

    def _answer_line(self, path: str, body: Json) -> tuple[int, Json]:
        """The answer to a line of a batch."""
        raw = json.dumps(body).encode()
        begun, *sent = self.respond(ReceivedRequest("POST", path, [(b"authorization", b"batch")], raw, len(raw)))
        status = begun.status if isinstance(begun, Begin) else 500
        return status, read_json(b"".join(step.piece for step in sent if isinstance(step, Send)))

    def _forget(self, _body: dict[str, Any], id: str) -> Script:
        done = self._responses.delete(id)
        return document({"id": id, "object": "response", "deleted": True}) if done else refusal(404)

    def _embed(self, body: dict[str, Any]) -> Script:
        given = body.get("input")
        texts = [given] if isinstance(given, str) else [str(each) for each in given or []]
        size = min(count(body.get("dimensions")) or 8, 4_096)
        data = [
            {"object": "embedding", "index": number, "embedding": [Random(text).uniform(-1, 1) for _ in range(size)]}  # noqa: S311
            for number, text in enumerate(texts)
        ]
        used = sum(map(tokens_of, texts))
        usage = {"prompt_tokens": used, "total_tokens": used}
        return document({"object": "list", "model": body.get("model"), "data": data, "usage": usage})

    def _moderate(self, body: dict[str, Any]) -> Script:
        results = [{"flagged": False, "categories": {}, "category_scores": {}} for _ in one_or_many(body) or [None]]
        return document({"id": "modr-1", "model": body.get("model") or "omni-moderation-latest", "results": results})

    def _picture(self, body: dict[str, Any]) -> Script:
        read = tokens_of(text_of(body.get("prompt")))
        usage = {
            "input_tokens": read,
            "input_tokens_details": {"text_tokens": read, "image_tokens": 0},
            "output_tokens": 272,
            "total_tokens": read + 272,
        }
        return document({"created": 1, "data": [{"b64_json": _PIXEL}], "output_format": "png", "usage": usage})

    def _speak(self, _body: dict[str, Any]) -> Script:
        return [Begin(200, "audio/wav", len(_SILENCE)), Send(_SILENCE)]

    def _transcribe(self, _body: dict[str, Any]) -> Script:
        usage = {
            "type": "tokens",
            "input_tokens": 14,
            "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
            "output_tokens": 4,
            "total_tokens": 18,
        }
        return document({"text": "Hello there.", "usage": usage})

    def _models(self, _body: dict[str, Any]) -> Script:
        return document({"object": "list", "data": [_described(name) for name in MODELS]})

    def _model(self, _body: dict[str, Any], id: str) -> Script:
        return document(_described(id)) if id in MODELS else refusal(404)

    def _client_secret(self, _body: dict[str, Any]) -> Script:
        return document({"value": "ek_simulated0123456789abcdef", "expires_at": 1, "session": {"type": "realtime"}})


def _described(model: str) -> dict[str, Any]:
    return {"id": model, "object": "model", "created": 1, "owned_by": "openai"}


def _asked(request: ReceivedRequest) -> dict[str, Any]:
    """The body, or the fields of a form, and what the query says."""
    query = dict(parse_qsl(request.target.partition("?")[2]))
    if any(kind.startswith("multipart/form-data") for kind in request.header_values("content-type")):
        return {**form_of(request), **query}
    return {**as_dict(read_json(request.body)), **query} if request.body else {**query}


def _framed(events: list[dict[str, Any]]) -> list[bytes]:
    return [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events]
