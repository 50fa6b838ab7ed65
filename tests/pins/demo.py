"""Samples from the simulated API: every operation that it has, agents of several turns, and what goes wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from gemtap.capture.events import Kind
from gemtap.providers.google.simulated.faults import FAULTS
from gemtap.providers.google.simulated.live import LiveSession
from gemtap.providers.routing import match
from gemtap.simulation.script import Begin, Close, Disconnect, Send, Stall
from tests.pins.sample import Minutes, Sample, http_sample, session_sample
from tests.unit.providers.google.simulated.asking import CONTENTS, WEATHER, Api, Reply

_BETA = "/v1beta/models/gemini-2.5-flash"
_VERTEX = "/v1/projects/p/locations/europe-west4/publishers/google/models/gemini-2.5-pro"
_EMBEDDER = "/v1beta/models/gemini-embedding-001"
_OPENAI = "/v1beta/openai"
_CODE_ASSIST = "/v1internal"
_LIVE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
_TOOLS = [{"functionDeclarations": [WEATHER]}]
_SYSTEM = {"parts": [{"text": "You are a careful assistant. You answer in one sentence. " * 6}]}
_PIXEL = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(b"\x89PNG" + bytes(900)).decode()}}


class _Demo:
    """Asks the simulated API and keeps each exchange as a sample."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._minutes = Minutes()
        self._api = Api()
        self._api.world.clock = lambda: datetime(2026, 3, 14, 12, tzinfo=UTC)

    def ask(self, method: str, target: str, body: Any = b"", headers: dict[str, str] | None = None) -> Reply:
        reply = self._api.ask(method, target, body, headers=headers)
        begin = next((step for step in reply.script if isinstance(step, Begin)), None)
        route = match(target.partition("?")[0].encode())
        self.samples.append(
            http_sample(
                self._name(method, target),
                received=self._minutes.next(),
                provider=route.provider if route is not None else "",
                upstream_path=route.path.decode() if route is not None else None,
                method=method,
                target=target,
                request=body if isinstance(body, bytes) else json.dumps(body).encode(),
                request_headers=[("content-type", "application/json"), *(headers or {}).items()],
                status=begin.status if begin is not None else None,
                response=reply.pieces,
                response_headers=[("content-type", begin.content_type), *begin.headers] if begin is not None else [],
                outcome=_outcome(reply),
            )
        )
        return reply

    def get(self, target: str) -> Reply:
        return self.ask("GET", target)

    def post(self, target: str, body: Any = b"", headers: dict[str, str] | None = None) -> Reply:
        return self.ask("POST", target, body, headers)

    def talk(self, name: str, messages: list[Any], path: str = _LIVE) -> None:
        """A WebSocket session in which the client sends these messages."""
        session, sent, closing = LiveSession("any", "v1beta", 0.0), list[tuple[Kind, str | bytes]](), None
        outcome = "complete"
        for message in messages:
            text = json.dumps(message)
            sent.append((Kind.WS_CLIENT, text))
            for step in session.receive(text.encode()):
                match step:
                    case Send(piece):
                        sent.append((Kind.WS_SERVER, piece))
                    case Close(code, reason):
                        closing = {"by": "upstream", "code": code, "reason": reason}
                    case Disconnect():
                        outcome = "upstream_disconnected"
        self.samples.append(
            session_sample(
                f"{len(self.samples)} live {name}",
                received=self._minutes.next(),
                provider="gemini",
                path=path,
                messages=sent,
                closing=closing or {"by": "client", "code": 1000, "reason": ""},
                outcome=outcome,
            )
        )

    def _name(self, method: str, target: str) -> str:
        return f"{len(self.samples)} {method} {target[:80]}"


def _outcome(reply: Reply) -> str:
    match reply.script[-1]:
        case Disconnect():
            return "upstream_disconnected"
        case Stall():
            return "client_disconnected"
        case _:
            return "complete"


def samples() -> Iterator[Sample]:
    """All of them, in the order in which they happened."""
    demo = _Demo()
    for part in (_models, _generation, _agents, _chats, _interactions, _code_assist, _resources, _files, _faults):
        part(demo)
    _sessions(demo)
    yield from demo.samples


def _text(text: str) -> Any:
    return {"role": "user", "parts": [{"text": text}]}


def _models(demo: _Demo) -> None:
    demo.get("/v1beta/models?pageSize=3")
    demo.get("/v1beta/models/gemini-2.5-pro")
    demo.get("/v1beta/models/nothing-like-it")
    demo.get(f"{_OPENAI}/models")
    demo.get(f"{_OPENAI}/models/gemini-2.5-pro")
    demo.get("/v1beta/nothing/here")
    demo.get("/nothing/anybody/knows")


def _generation(demo: _Demo) -> None:
    bodies: list[Any] = [
        {"contents": CONTENTS},
        {"contents": CONTENTS, "systemInstruction": _SYSTEM, "generationConfig": {"temperature": 0.3}},
        {"contents": [{"role": "user", "parts": [{"text": "What is this?"}, _PIXEL]}]},
        {"contents": CONTENTS, "generationConfig": {"thinkingConfig": {"includeThoughts": True}}},
        {"contents": CONTENTS, "generationConfig": {"responseMimeType": "application/json"}},
        {"contents": CONTENTS, "tools": _TOOLS},
        {"contents": [_text("block this prompt: BLOCKED")]},
        {"contents": []},
    ]
    for body in bodies:
        demo.post(f"{_BETA}:generateContent", body)
        demo.post(f"{_BETA}:streamGenerateContent?alt=sse", body)
        demo.post(f"{_BETA}:streamGenerateContent", body)
    demo.post(f"/gemini{_BETA}:generateContent?$alt=json;enum-encoding=int", {"contents": CONTENTS})
    demo.post(f"{_BETA}:countTokens", {"contents": CONTENTS})
    demo.post(f"{_BETA}:countTokens", {"generateContentRequest": {"contents": CONTENTS, "tools": _TOOLS}})
    demo.post(f"{_EMBEDDER}:embedContent", {"content": {"parts": [{"text": "a few words"}]}})
    requests = [{"content": {"parts": [{"text": text}]}} for text in ("one", "two")]
    demo.post(f"{_EMBEDDER}:batchEmbedContents", {"requests": requests})
    demo.post(f"{_BETA}:generateContent", b"{no JSON")
    for query in ("", "?alt=sse"):
        demo.post(f"{_VERTEX}:streamGenerateContent{query}", {"contents": CONTENTS, "tools": _TOOLS})
    demo.post(f"{_VERTEX}:generateContent", {"contents": CONTENTS})
    demo.post(f"/vertex{_VERTEX}:countTokens", {"contents": CONTENTS})


def _agents(demo: _Demo) -> None:
    """Agents that call a tool, send its result and go on; the last one rewrites its history."""
    contents: list[Any] = []
    for model in ("gemini-2.5-pro", "gemini-3-pro-preview"):
        contents = [_text(f"What is the weather in Rome, {model}? Look it up and explain.")]
        for turn in range(4):
            body = {"systemInstruction": _SYSTEM, "contents": contents, "tools": _TOOLS}
            target = f"/v1beta/models/{model}:streamGenerateContent?alt=sse"
            headers = {"user-agent": "GeminiCLI/0.9.0/gemini-2.5-pro (linux; x64)", "x-title": "Pinned agent"}
            events = demo.post(target, body, headers).events
            parts = [p for e in events for c in e.get("candidates", []) for p in c["content"].get("parts", [])]
            calls = [part["functionCall"] for part in parts if "functionCall" in part]
            results = [
                {"functionResponse": {"name": each["name"], "response": {"output": f"{turn} degrees " * 30}}}
                for each in calls
            ]
            following = {"role": "user", "parts": results} if results else _text(f"And on day {turn}?")
            contents = [*contents, {"role": "model", "parts": parts}, following]
    # A client that drops the beginning of its history.
    demo.post(f"{_BETA}:generateContent", {"contents": contents[2:], "tools": _TOOLS})


def _chats(demo: _Demo) -> None:
    messages: list[Any] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Why is snow white?"},
    ]
    tools = [{"type": "function", "function": WEATHER}]
    for stream in (False, True, True):
        body = {"model": "gemini-2.5-flash", "messages": messages, "stream": stream, "tools": tools}
        reply = demo.post(f"{_OPENAI}/chat/completions", {**body, "stream_options": {"include_usage": True}})
        deltas = [
            each.get("delta", each.get("message")) for e in (reply.events or [reply.json]) for each in e["choices"]
        ]
        calls = [call for delta in deltas for call in delta.get("tool_calls") or []]
        said = "".join(delta.get("content") or "" for delta in deltas)
        messages = [
            *messages,
            {"role": "assistant", "content": said or None, **({"tool_calls": calls} if calls else {})},
        ]
        messages += [{"role": "tool", "tool_call_id": call["id"], "content": "Snow."} for call in calls]
        messages += [] if calls else [{"role": "user", "content": "And ice?"}]
    demo.post(f"{_OPENAI}/chat/completions", {"model": "gemini-2.5-flash", "messages": messages, "stream": True})
    demo.post(f"{_OPENAI}/chat/completions", {"model": "error-429", "messages": messages})
    demo.post(f"{_OPENAI}/embeddings", {"model": "gemini-embedding-001", "input": ["one", "two"]})


def _interactions(demo: _Demo) -> None:
    path, previous = "/v1beta/interactions", None
    for stream in (False, True, False):
        body: dict[str, Any] = {"model": "gemini-2.5-flash", "input": "Tell me about tides.", "stream": stream}
        reply = demo.post(path, body if previous is None else {**body, "previous_interaction_id": previous})
        last = reply.events[-1].get("interaction") if stream else reply.json
        previous = last["id"]
    declared = [{"type": "function", **WEATHER}]
    demo.post(
        path, {"model": "gemini-2.5-flash", "input": "Weather?", "tools": declared, "system_instruction": "Short."}
    )
    demo.post(path, {"model": "error-400", "input": "x"})
    demo.get(f"{path}/{previous}")
    demo.post(f"{path}/{previous}/cancel")
    demo.ask("DELETE", f"{path}/{previous}")


def _code_assist(demo: _Demo) -> None:
    for method in ("loadCodeAssist", "onboardUser", "retrieveUserQuota", "recordCodeAssistMetrics", "unheardOf"):
        demo.post(f"{_CODE_ASSIST}:{method}", {"metadata": {}})
    envelope = {"model": "gemini-2.5-pro", "project": "p", "request": {"contents": CONTENTS, "tools": _TOOLS}}
    demo.post(f"{_CODE_ASSIST}:countTokens", {"request": {"contents": CONTENTS}})
    demo.post(f"{_CODE_ASSIST}:generateContent", envelope)
    demo.post(f"{_CODE_ASSIST}:streamGenerateContent?alt=sse", envelope)
    demo.post(f"/code-assist{_CODE_ASSIST}:streamGenerateContent?alt=sse", {**envelope, "model": "error-503"})


def _resources(demo: _Demo) -> None:
    cache = {"model": "models/gemini-2.5-flash", "contents": [_text("A long document. " * 50)], "ttl": "300s"}
    name = demo.post("/v1beta/cachedContents", cache).json["name"]
    demo.get("/v1beta/cachedContents")
    demo.ask("PATCH", f"/v1beta/{name}", {"ttl": "600s"})
    demo.post(f"{_BETA}:generateContent", {"contents": CONTENTS, "cachedContent": name})
    demo.ask("DELETE", f"/v1beta/{name}")
    batch = {"inputConfig": {"requests": {"requests": [{"request": {"contents": CONTENTS}, "metadata": {"key": "a"}}]}}}
    made = demo.post(f"{_BETA}:batchGenerateContent", {"batch": batch}).json["name"]
    demo.get(f"/v1beta/{made}")
    demo.post(f"/v1beta/{made}:cancel")
    demo.post("/v1beta/auth_tokens", {"uses": 1})
    demo.post("/v1beta/models/imagen-4.0-generate-001:predict", {"instances": [{"prompt": "a red square"}]})
    film = demo.post("/v1beta/models/veo-3.0-generate-001:predictLongRunning", {"instances": [{"prompt": "waves"}]})
    demo.get(f"/v1beta/{film.json['name']}")


def _files(demo: _Demo) -> None:
    start = {
        "x-goog-upload-protocol": "resumable",
        "x-goog-upload-command": "start",
        "x-goog-upload-header-content-length": "11",
        "x-goog-upload-header-content-type": "text/plain",
    }
    begun = demo.post("/upload/v1beta/files", {"file": {"displayName": "words"}}, start)
    url = begun.header("X-Goog-Upload-URL").removeprefix("http://api.test")
    ending = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}
    name = demo.post(url, b"a few words", ending).json["file"]["name"]
    demo.get("/v1beta/files")
    demo.get(f"/v1beta/{name}")
    demo.get(f"/v1beta/{name}:download?alt=media")
    demo.ask("DELETE", f"/v1beta/{name}")


def _faults(demo: _Demo) -> None:
    errors = ("error-400", "error-403", "error-404", "error-429", "error-500", "error-503", "error-echo-key")
    for model in (*errors, *FAULTS):
        for operation in ("generateContent", "streamGenerateContent?alt=sse", "streamGenerateContent"):
            demo.post(f"/v1beta/models/{model}:{operation}", {"contents": CONTENTS})


def _sessions(demo: _Demo) -> None:
    model = "models/gemini-2.5-flash-live"
    text = {
        "setup": {"model": model, "generationConfig": {"responseModalities": ["TEXT"]}, "systemInstruction": _SYSTEM}
    }
    sound: dict[str, Any] = {
        "setup": {
            "model": model,
            "generationConfig": {"responseModalities": ["AUDIO"]},
            "outputAudioTranscription": {},
        }
    }
    asked = {"clientContent": {"turns": [_text("Why is the sky blue?")], "turnComplete": True}}
    demo.talk("text", [text, asked, {"realtimeInput": {"text": "And at night?"}}])
    demo.talk("sound", [sound, asked, {"realtimeInput": {"audioStreamEnd": True}}])
    tools = {"setup": {**text["setup"], "tools": _TOOLS}}
    answer = {"functionResponses": [{"id": "function-call-1-0", "name": "weather", "response": {"result": "hail"}}]}
    demo.talk("tools", [tools, asked, {"toolResponse": answer}])
    demo.talk("refused", [{"setup": {"model": "models/error-403"}}])
    demo.talk("no setup", [asked])
    demo.talk("broken off", [{"setup": {"model": "models/fault-disconnect"}}, asked])
