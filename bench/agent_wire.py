"""Wire formats of the simulated agents in `bench.agents` and the APIs that they call."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Protocol

_MODEL: Final = "gemini-2.5-pro"

_KEY: Final = (b"x-goog-api-key", b"[redacted:8f2a11c0beef]")
_JSON: Final = (b"content-type", b"application/json")

Chunks = list[tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """The model's text and calls."""

    text: str
    call: tuple[str, dict[str, Any]] | None
    thoughts: str | None
    signature: str | None
    id: str


class Shape(Protocol):
    """One kind of client and the API that it uses."""

    @property
    def path(self) -> bytes:
        """Path of the requests."""
        ...

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """Headers of the requests."""
        ...

    @property
    def thinks(self) -> bool:
        """Whether responses include the model's thinking."""
        ...

    def frame(self, rng: Random) -> tuple[bytes, bytes]:
        """The parts of a request before and after its messages."""
        ...

    def user_message(self, text: str) -> bytes:
        """A message of the user."""
        ...

    def model_message(self, answer: Answer) -> bytes:
        """A response as the client resends it."""
        ...

    def result_message(self, call: tuple[str, dict[str, Any]], result: str) -> bytes:
        """The result of a call."""
        ...

    def stream(self, answer: Answer, request_bytes: int, rng: Random) -> Chunks:
        """The response as it arrives: chunks with their times in microseconds."""
        ...


def _compact(value: Any) -> bytes:
    """JSON as JSON.stringify formats it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


_TOOLS: Final = {
    "read_file": ("path", "offset", "limit"),
    "search": ("pattern", "folder"),
    "replace": ("path", "old_string", "new_string"),
    "run_tests": ("selection",),
    "write_file": ("path", "content"),
    "list_directory": ("path", "ignore"),
    "run_shell_command": ("command", "description", "directory"),
    "save_memory": ("fact",),
}

_RULES: Final = (
    "Read a file before you change it. Keep the project's conventions: naming, typing, structure, comments. Never "
    "assume that a library is there: look for it in the imports and in the project's configuration first. Explain a "
    "command that changes the system before you run it. After a change run the tests and say what they said. ",
    "Answer in few words, without preamble. Use tools for actions, text for words alone. If something cannot be done, "
    "say so in a sentence and offer another way. Never print secrets. Work in absolute paths. ",
    "Understand the request and its context; search in parallel where you can. Make a plan that rests on what you have "
    "found. Carry it out in small steps. Verify with tests, then with the linter and the type checker. ",
)


def _system(rng: Random, kind: str) -> str:
    """A system instruction of some kilobytes, which differs between clients of a kind in only a few words."""
    rules = "\n\n".join(f"# Rule {number}\n{rule * (number % 3 + 1)}" for number, rule in enumerate(_RULES * 6, 1))
    tools = "\n".join(
        f"## {name}\nParameters: {', '.join(names)}. Use it as {name}(...)." for name, names in _TOOLS.items()
    )
    place = f"Working directory: /home/ada/src/project-{rng.randrange(9)}. Operating system: Linux. Shell: bash."
    return f"You are {kind}, a careful agent for software work.\n\n{rules}\n\n{tools}\n\n{place}\n"


def _words(text: str, rng: Random) -> list[str]:
    """The text in pieces, as models stream it."""
    cuts, start = [], 0
    while start < len(text):
        end = start + rng.randint(30, 220)
        cuts.append(text[start:end])
        start = end
    return cuts


def _times(count: int, rng: Random) -> list[int]:
    at = rng.randint(900_000, 6_000_000)
    times = []
    for _ in range(count):
        times.append(at)
        at += rng.randint(20_000, 400_000)
    return times


class _Gemini(ABC):
    """Common base of the two clients of Gemini's native API."""

    path = b"/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"
    thinks = True

    def user_message(self, text: str) -> bytes:
        return _compact({"role": "user", "parts": [{"text": text}]})

    def stream(self, answer: Answer, request_bytes: int, rng: Random) -> Chunks:
        parts: list[dict[str, Any]] = []
        if answer.thoughts:
            parts += [{"text": words, "thought": True} for words in _words(answer.thoughts, rng)]
        parts += self._said(answer, rng)
        prompt, spent = request_bytes // 4, 0
        frames = []
        for number, part in enumerate(parts, 1):
            spent += len(json.dumps(part)) // 4
            candidate: dict[str, Any] = {"content": {"parts": [part], "role": "model"}}
            if number == len(parts):
                candidate["finishReason"] = "STOP"
            usage = {
                "promptTokenCount": prompt,
                "candidatesTokenCount": spent,
                "totalTokenCount": prompt + spent + 40,
                "cachedContentTokenCount": prompt * 9 // 10,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
                "thoughtsTokenCount": 40,
            }
            frame = {
                "candidates": [{**candidate, "index": 0}],
                "usageMetadata": usage,
                "modelVersion": _MODEL,
                "responseId": answer.id,
            }
            frames.append(b"data: " + json.dumps(frame, ensure_ascii=False).encode() + b"\r\n\r\n")
        return list(zip(_times(len(frames), rng), frames, strict=True))

    @abstractmethod
    def _said(self, answer: Answer, rng: Random) -> list[dict[str, Any]]:
        """The parts in the frames of the response."""


class GeminiCli(_Gemini):
    """Calls functions. Resends the signatures of thoughts, but not the thoughts."""

    headers = (_JSON, (b"user-agent", b"GeminiCLI/0.21.0/gemini-2.5-pro (linux; x64)"), _KEY)

    def frame(self, rng: Random) -> tuple[bytes, bytes]:
        declarations = [
            {
                "name": name,
                "description": f"{_RULES[number % 3]}{name} takes {', '.join(names)}.",
                "parametersJsonSchema": {
                    "type": "object",
                    "properties": {each: {"type": "string", "description": f"The {each} to use."} for each in names},
                    "required": list(names[:1]),
                },
            }
            for number, (name, names) in enumerate(_TOOLS.items())
        ]
        system = {"parts": [{"text": _system(rng, "an interactive CLI")}], "role": "user"}
        settings = {"temperature": 0, "topP": 1, "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 8192}}
        tools = _compact([{"functionDeclarations": declarations}])
        return b'{"contents":[', b'],"systemInstruction":%b,"tools":%b,"generationConfig":%b}' % (
            _compact(system), tools, _compact(settings))  # fmt: skip

    def model_message(self, answer: Answer) -> bytes:
        parts: list[dict[str, Any]] = [{"text": answer.text}]
        if answer.call is not None:
            parts.append(self._function_call(answer))
        return _compact({"parts": parts, "role": "model"})

    def result_message(self, call: tuple[str, dict[str, Any]], result: str) -> bytes:
        response = {"id": f"{call[0]}-{len(result)}", "name": call[0], "response": {"output": result}}
        return _compact({"role": "user", "parts": [{"functionResponse": response}]})

    def _function_call(self, answer: Answer) -> dict[str, Any]:
        assert answer.call is not None
        name, arguments = answer.call
        part: dict[str, Any] = {"functionCall": {"name": name, "args": arguments}}
        return part | ({"thoughtSignature": answer.signature} if answer.signature else {})

    def _said(self, answer: Answer, rng: Random) -> list[dict[str, Any]]:
        said: list[dict[str, Any]] = [{"text": words} for words in _words(answer.text, rng)]
        return said if answer.call is None else [*said, self._function_call(answer)]


class TextAgent(_Gemini):
    """Uses text parts for everything, with the tools in the system instruction, as Cline and similar clients do."""

    headers = (_JSON, (b"user-agent", b"Cline/3.38.0"), (b"x-goog-api-client", b"google-genai-sdk/1.30.0"), _KEY)
    thinks = False

    def frame(self, rng: Random) -> tuple[bytes, bytes]:
        head = b'{"contents":['
        return head, b'],"systemInstruction":%b,"generationConfig":{"temperature":0}}' % _compact(
            {"parts": [{"text": _system(rng, "Cline") * 2}], "role": "user"}
        )

    def model_message(self, answer: Answer) -> bytes:
        return _compact({"role": "model", "parts": [{"text": self._text(answer)}]})

    def result_message(self, call: tuple[str, dict[str, Any]], result: str) -> bytes:
        details = (
            f"<environment_details>\n# Current Mode\nACT MODE\n# Bytes read\n{len(result)}\n</environment_details>"
        )
        said = (f"[{call[0]}] Result:", result, details)
        return _compact({"role": "user", "parts": [{"text": text} for text in said]})

    def _text(self, answer: Answer) -> str:
        if answer.call is None:
            return answer.text
        name, arguments = answer.call
        inside = "".join(f"<{key}>{value}</{key}>\n" for key, value in arguments.items())
        return f"{answer.text}\n\n<{name}>\n{inside}</{name}>"

    def _said(self, answer: Answer, rng: Random) -> list[dict[str, Any]]:
        return [{"text": words} for words in _words(self._text(answer), rng)]


class OpenAiAgent:
    """Uses OpenAI's format with Gemini's compatible endpoint. Its JSON is Python's, with spaces and escapes."""

    path = b"/v1beta/openai/chat/completions"
    headers = (
        _JSON,
        (b"user-agent", b"AsyncOpenAI/Python 2.8.0"),
        (b"authorization", b"Bearer [redacted:8f2a11c0beef]"),
    )
    thinks = False

    def frame(self, rng: Random) -> tuple[bytes, bytes]:
        tools = [
            {
                "type": "function",
                "function": {
                    "name": name,
                    "description": f"{_RULES[number % 3]}{name} takes {', '.join(names)}.",
                    "parameters": {"type": "object", "properties": {each: {"type": "string"} for each in names}},
                },
            }
            for number, (name, names) in enumerate(_TOOLS.items())
        ]
        system = json.dumps({"role": "system", "content": _system(rng, "a terminal agent")}).encode()
        head = b'{"model": "gemini-2.5-pro", "stream": true, "stream_options": {"include_usage": true}, "messages": ['
        return head + system + b",", b'], "tools": %b, "temperature": 0.2}' % json.dumps(tools).encode()

    def user_message(self, text: str) -> bytes:
        return json.dumps({"role": "user", "content": text}).encode()

    def model_message(self, answer: Answer) -> bytes:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text}
        if answer.call is not None:
            message["tool_calls"] = [self._tool_call(answer)]
        return json.dumps(message).encode()

    def result_message(self, call: tuple[str, dict[str, Any]], result: str) -> bytes:
        return json.dumps({"role": "tool", "tool_call_id": f"call_{len(result)}", "content": result}).encode()

    def stream(self, answer: Answer, request_bytes: int, rng: Random) -> Chunks:
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": each} for each in _words(answer.text, rng)]
        if answer.call is not None:
            deltas.append({"role": "assistant", "tool_calls": [{"index": 0, **self._tool_call(answer)}]})
        head = {"id": answer.id, "object": "chat.completion.chunk", "created": 1_767_600_000, "model": _MODEL}
        frames = []
        for number, delta in enumerate(deltas, 1):
            reason = None if number < len(deltas) else ("stop" if answer.call is None else "tool_calls")
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            frames.append(b"data: " + _compact({**head, "choices": [choice]}) + b"\n\n")
        prompt, spent = request_bytes // 4, len(answer.text) // 4
        usage = {"prompt_tokens": prompt, "completion_tokens": spent, "total_tokens": prompt + spent}
        frames.append(b"data: " + _compact({**head, "choices": [], "usage": usage}) + b"\n\n")
        frames.append(b"data: [DONE]\n\n")
        return list(zip(_times(len(frames), rng), frames, strict=True))

    def _tool_call(self, answer: Answer) -> dict[str, Any]:
        assert answer.call is not None
        name, arguments = answer.call
        function = {"name": name, "arguments": json.dumps(arguments)}
        return {"id": f"call_{answer.id}", "type": "function", "function": function}


SHAPES: Final[tuple[Callable[[], Shape], ...]] = (GeminiCli, TextAgent, OpenAiAgent)
"""Client types. `bench.agents` has their shares of the sessions."""


def error_body() -> bytes:
    """The response when a rate limit is exceeded."""
    error = {"code": 429, "message": "Resource has been exhausted (e.g. check quota).", "status": "RESOURCE_EXHAUSTED"}
    return json.dumps({"error": error}, indent=2).encode() + b"\n"
