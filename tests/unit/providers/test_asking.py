"""Which requests limits count: those whose tokens are counted, and only those."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from gemtap.providers.registry import PROVIDERS
from gemtap.providers.routing import asks

SURFACE: Final = Path(__file__).parents[2] / "surface"

ROOTS: Final = {"gemini": "/v1beta/", "vertex": "/v1beta1/projects/p/locations/l/"}

ALSO_COUNTED: Final = frozenset(
    {
        # A batch is billed by its results, whenever they are fetched; limits count the request for it.
        "messages.batches.create",
        "batchGenerateContent",
        "asyncBatchEmbedContent",
        # WebRTC calls are billed, and reported to nobody but OpenAI.
        "openai.realtime.calls.create",
        "openai.videos.extensions",
    }
)


def posts(name: str) -> list[tuple[str, str]]:
    """Provider and path of every POST of the SDKs."""
    if name == "anthropic":
        requests = json.loads((SURFACE / "anthropic.json").read_text())["requests"]
        return [("anthropic", path) for method, path in requests if method == "POST"]
    if name == "openai":
        surface = json.loads((SURFACE / "openai.json").read_text())
        lines = {line for each in surface.values() for line in each["methods"]}
        return [("openai", f"/v1{line.partition(' ')[2].replace('{}', 'x')}") for line in lines if line[:5] == "POST "]
    surface = json.loads((SURFACE / "methods.json").read_text())
    models = {"gemini": "models/x", "vertex": "publishers/google/models/x"}
    return [
        (
            each["api"],
            ROOTS[each["api"]] + each["path"].removeprefix("/{api_version}/").replace("{model}", models[each["api"]]),
        )
        for sdk in surface.values()
        for each in sdk["methods"]
        if each["method"] == "POST" and each["api"] in ("gemini", "vertex")
    ]


@pytest.mark.parametrize("name", ["google", "openai", "anthropic"])
def test_limits_count_what_is_counted(name: str) -> None:
    """Every POST of the SDKs: look-ups and uploads are free, whatever is answered by a model is not."""
    found = posts(name)
    assert len(found) > 20
    wrong = []
    for provider, path in sorted(set(found)):
        reader = PROVIDERS[provider].reader
        operation = reader.operation("POST", path)[0]
        if operation == "unknown":
            continue
        expected = operation in (reader.billed or ()) or operation in ALSO_COUNTED
        if asks(provider, path.encode())[0] is not expected:
            wrong.append((provider, path, operation, expected))
    assert wrong == []


@pytest.mark.parametrize(
    ("provider", "path", "model"),
    [
        ("gemini", "/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro"),
        ("gemini", "/v1beta/models/gemini-2.5-pro%3AgenerateContent", "gemini-2.5-pro"),
        ("gemini", "//v1beta//tunedModels/mine:generateContent", "mine"),
        ("vertex", "/v1/projects/p/locations/l/publishers/anthropic/models/claude-x:streamRawPredict", "claude-x"),
        ("vertex", "/v1/projects/p/locations/l/endpoints/openapi/chat/completions", None),
        ("gemini", "/v1beta/openai/chat/completions", None),
        ("azure", "/openai/deployments/my-gpt/chat/completions", "my-gpt"),
        ("azure", "/anthropic/v1/messages", None),
        ("mistral", "/v1/fim/completions", None),
        ("mistral", "/v1/ocr", None),
        ("ollama", "/api/generate", None),
        ("ollama", "/v1/chat/completions", None),
        ("code_assist", "/v1internal:streamGenerateContent", None),
    ],
)
def test_the_model_that_a_path_names(provider: str, path: str, model: str | None) -> None:
    """However it is written; other paths leave it to the body."""
    assert asks(provider, path.encode()) == (True, model)


@pytest.mark.parametrize(
    ("provider", "path"),
    [
        ("code_assist", "/v1internal:loadCodeAssist"),
        ("code_assist", "/v1internal:countTokens"),
        ("ollama", "/api/pull"),
        ("vertex", "/v1/projects/p/locations/l/publishers/google/models/veo:fetchPredictOperation"),
        ("anthropic", "/v1/messages/count_tokens"),
        ("anthropic", "/api/event_logging/batch"),
    ],
)
def test_what_asks_no_model(provider: str, path: str) -> None:
    """It is not counted."""
    assert asks(provider, path.encode())[0] is False
