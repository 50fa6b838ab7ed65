"""The contract of providers, for those of this package."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from gemtap.providers.registry import ORIGINS, PROVIDERS
from gemtap.testing.examples import Example
from gemtap.testing.provider import ProviderContract
from tests.contract.anthropic_examples import ANTHROPIC, ANTHROPIC_ON_VERTEX
from tests.contract.openai_examples import OPENAI

CONTENTS: Final = [{"role": "user", "parts": [{"text": "Why is the sky blue?"}]}]
REQUEST: Final = {
    "contents": CONTENTS,
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "tools": [{"functionDeclarations": [{"name": "look", "parameters": {"type": "OBJECT"}}]}],
    "generationConfig": {"temperature": 0.2},
}
USAGE: Final = {
    "promptTokenCount": 12,
    "candidatesTokenCount": 5,
    "totalTokenCount": 17,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12}],
}


def answer(text: str, finish_reason: str | None = "STOP") -> dict[str, Any]:
    finish = {"finishReason": finish_reason} if finish_reason is not None else {}
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **finish}
    return {"candidates": [candidate], "usageMetadata": USAGE, "modelVersion": "gemini-2.5-pro"}


def stream(*chunks: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in chunks)


GENERATE: Final = Example(
    "POST",
    "/v1beta/models/gemini-2.5-pro:generateContent",
    "generateContent",
    model="gemini-2.5-pro",
    request=REQUEST,
    response=answer("Air scatters it."),
    tokens={"input": 12, "output": 5, "total": 17},
    prompt="Why is the sky blue?",
    answer="Air scatters it.",
)
STREAM: Final = replace(
    GENERATE,
    path="/v1beta/models/gemini-2.5-pro:streamGenerateContent",
    operation="streamGenerateContent",
    response=stream(answer("Air ", None), answer("scatters it.")),
    content_type="text/event-stream",
)
ERROR: Final = replace(
    GENERATE,
    response={"error": {"code": 429, "message": "Too many requests.", "status": "RESOURCE_EXHAUSTED"}},
    status=429,
    tokens={},
    answer=None,
)
COUNT: Final = replace(
    GENERATE,
    path="/v1beta/models/gemini-2.5-pro:countTokens",
    operation="countTokens",
    response={"totalTokens": 12},
    tokens={},
    prompt=None,
    answer=None,
)
CHAT: Final = Example(
    "POST",
    "/v1beta/openai/chat/completions",
    "openai.chat.completions",
    model="gemini-2.5-pro",
    request={"model": "gemini-2.5-pro", "messages": [{"role": "user", "content": "Why is the sky blue?"}]},
    response={
        "model": "gemini-2.5-pro",
        "choices": [{"message": {"role": "assistant", "content": "Air scatters it."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17},
    },
    tokens={"input": 12, "output": 5},
    prompt="Why is the sky blue?",
    answer="Air scatters it.",
)
INTERACTION: Final = Example(
    "POST",
    "/v1beta/interactions",
    "interactions.create",
    model="gemini-2.5-pro",
    request={"model": "gemini-2.5-pro", "input": "Why is the sky blue?"},
    response={
        "id": "v1_a",
        "model": "gemini-2.5-pro",
        "status": "completed",
        "steps": [{"type": "model_output", "content": [{"type": "text", "text": "Air scatters it."}]}],
        "usage": {"total_input_tokens": 12, "total_output_tokens": 5, "total_tokens": 17},
    },
    tokens={"input": 12, "output": 5},
    prompt="Why is the sky blue?",
    answer="Air scatters it.",
)


class TestGemini(ProviderContract):
    """The Gemini API, with its OpenAI-compatible paths and interactions."""

    provider = PROVIDERS["gemini"]
    examples = (GENERATE, STREAM, ERROR, COUNT, CHAT, INTERACTION)


def on_vertex(example: Example) -> Example:
    """The same exchange in a project and a location."""
    path = example.path.replace("/v1beta/", "/v1/projects/p/locations/europe-west4/publishers/google/")
    return replace(example, path=path)


class TestVertex(ProviderContract):
    """Vertex AI with models of Google's."""

    provider = PROVIDERS["vertex"]
    examples = (
        *map(on_vertex, (GENERATE, STREAM, ERROR)),
        replace(CHAT, path="/v1/projects/p/locations/global/endpoints/openapi/chat/completions"),
    )


def wrapped(example: Example) -> Example:
    """The same exchange in Code Assist's envelopes."""
    response = example.response
    if isinstance(response, bytes):
        chunks = [json.loads(line.removeprefix(b"data: ")) for line in response.split(b"\r\n\r\n") if line]
        response = stream(*({"response": chunk, "traceId": "t"} for chunk in chunks))
    elif example.status == 200:
        response = {"response": response, "traceId": "t"}
    return replace(
        example,
        path=f"/v1internal:{example.operation}",
        request={"model": "gemini-2.5-pro", "project": "p", "request": example.request},
        response=response,
    )


class TestCodeAssist(ProviderContract):
    """Code Assist, in envelopes."""

    provider = PROVIDERS["code_assist"]
    examples = tuple(map(wrapped, (GENERATE, STREAM, ERROR)))


class TestAntigravity(ProviderContract):
    """Antigravity, in Code Assist's envelopes."""

    provider = PROVIDERS["antigravity"]
    examples = tuple(map(wrapped, (GENERATE, STREAM, ERROR)))


class TestOpenAI(ProviderContract):
    """OpenAI's API."""

    provider = PROVIDERS["openai"]
    examples = OPENAI


class TestAzure(ProviderContract):
    """Azure OpenAI: the same exchanges on a deployment."""

    provider = PROVIDERS["azure"]
    examples = (replace(CHAT, path=f"/openai/deployments/{CHAT.model}/chat/completions"),)


OLLAMA_CHAT: Final = Example(
    "POST",
    "/api/chat",
    "ollama.chat",
    model="qwen3",
    request={"model": "qwen3", "messages": [{"role": "user", "content": "Why is the sky blue?"}], "stream": False},
    response={
        "model": "qwen3:4b",
        "message": {"role": "assistant", "content": "Air scatters it."},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 12,
        "eval_count": 5,
    },
    tokens={"input": 12, "output": 5, "total": 17},
    prompt="Why is the sky blue?",
    answer="Air scatters it.",
)


class TestOllama(ProviderContract):
    """Ollama's own API, and OpenAI's on the same server."""

    provider = PROVIDERS["ollama"]
    examples = (
        OLLAMA_CHAT,
        replace(
            OLLAMA_CHAT,
            response=b'{"message": {"role": "assistant", "content": "Air "}}\n'
            b'{"message": {"role": "assistant", "content": "scatters it."}}\n'
            b'{"done": true, "done_reason": "stop", "prompt_eval_count": 12, "eval_count": 5}\n',
            content_type="application/x-ndjson",
        ),
        replace(CHAT, path="/v1/chat/completions"),
    )


class TestAnthropic(ProviderContract):
    """Anthropic's API."""

    provider = PROVIDERS["anthropic"]
    examples = ANTHROPIC


class TestClaudeOnVertex(ProviderContract):
    """Vertex AI with models of Anthropic's."""

    provider = PROVIDERS["vertex"]
    examples = ANTHROPIC_ON_VERTEX


class TestMistral(ProviderContract):
    """Mistral's API."""

    provider = PROVIDERS["mistral"]
    examples = (
        replace(CHAT, path="/v1/chat/completions"),
        replace(CHAT, path="/v1/agents/completions", operation="mistral.agents.completions"),
    )


SUITES: Final[tuple[type[ProviderContract], ...]] = (
    TestGemini,
    TestVertex,
    TestCodeAssist,
    TestAntigravity,
    TestOpenAI,
    TestAzure,
    TestOllama,
    TestMistral,
    TestAnthropic,
    TestClaudeOnVertex,
)


def test_every_provider_has_its_suite() -> None:
    """A new folder without examples is untested."""
    assert {suite.provider.name for suite in SUITES} == {
        name for name, origin in ORIGINS.items() if origin.package == "gemtap"
    }
