"""A conversation written as a request of another dialect, and read again by that dialect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gemtap.conversation.canonical import pieces
from gemtap.conversation.model import (
    BuiltInTool,
    Call,
    Conversation,
    Media,
    Message,
    Other,
    Result,
    Text,
    Thought,
    Tool,
)
from gemtap.dialects.writing import Prompt, Written
from gemtap.providers.registry import PROVIDERS

SCHEMA: Any = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PNG = "iVBORw0KGgo="

CONVERSATION = Conversation(
    system="Be brief.",
    prompt=(
        Message("user", (Text("What is this, and how is the weather there?"), Media("image/png", base64=PNG))),
        Message("model", (Text("Paris. Let me look."), Call("weather", {"city": "Paris"}, "id-1"))),
        Message("tool", (Result({"sky": "grey"}, "weather", "id-1"),)),
        Message("user", (Text("Thanks. And now?"),)),
    ),
    answer=Message("model", (Text("It rains."),)),
    tools=(Tool("weather", "Looks out of the window.", SCHEMA),),
)
"""What every dialect has a place for."""

SETTINGS = {"temperature": 0.5, "topP": 0.9, "maxOutputTokens": 100, "stopSequences": ["END"]}

WRITERS = [name for name in PROVIDERS if PROVIDERS[name].reader.write(Prompt(CONVERSATION, "m", False)) is not None]


def written(provider: str, conversation: Conversation = CONVERSATION, **fields: Any) -> Written:
    """The request of a provider."""
    prompt = Prompt(conversation, **{"model": "some-model", "streaming": False, "settings": SETTINGS, **fields})
    found = PROVIDERS[provider].reader.write(prompt)
    assert found is not None
    return found


def read(provider: str, request: Written) -> Conversation:
    """What the provider's own dialect reads in a request."""
    reader = PROVIDERS[provider].reader
    operation, _ = reader.operation("POST", request.path)
    dialect = reader.dialect(operation, is_session=False)
    assert dialect is not None
    found = dialect.conversation(operation, request.body, None)
    assert found is not None
    return found


def test_the_providers_that_can_be_asked() -> None:
    """Each of them is tested below."""
    assert {"gemini", "openai", "anthropic", "azure", "ollama"} <= set(WRITERS)


@pytest.mark.parametrize("provider", WRITERS)
@pytest.mark.parametrize("streaming", [False, True])
def test_what_is_written_says_the_same(provider: str, streaming: bool) -> None:
    """Messages are equal in the form in which threads compare them, and nothing is lost."""
    request = written(provider, streaming=streaming)
    found = read(provider, request)
    assert [each.said for each in pieces(found.prompt)] == [each.said for each in pieces(CONVERSATION.prompt)]
    assert (found.system, found.answer) == ("Be brief.", None)
    assert [(each.name, each.description) for each in found.tools] == [("weather", "Looks out of the window.")]
    assert request.lost == ()


@pytest.mark.parametrize("provider", WRITERS)
def test_what_has_no_place_is_told(provider: str) -> None:
    """Thoughts, parts and tools of the old API, its caches and its memory of earlier turns, and settings."""
    conversation = replace(
        CONVERSATION,
        prompt=(
            *CONVERSATION.prompt,
            Message("model", (Thought("Hm."), Other("executableCode", {"code": "1"}))),
            Message("tool", (Result("nobody asked", "other"),)),
            Message("user", (Media("image/png", uri="gs://bucket/x.png"), Text("Go on."))),
        ),
        built_in=(BuiltInTool("googleSearch", {}),),
        cache="cachedContents/1",
        previous="resp_1",
    )
    request = written(provider, conversation, settings={"temperature": 1, "thinkingConfig": {"thinkingBudget": 0}})
    assert request.lost[:3] == (
        "the tool googleSearch that the old API itself ran",
        "the cached content before the messages, which is not in the request",
        "the earlier turns, which only the old API keeps",
    )
    assert set(request.lost[3:]) == {
        "a thought of the model, with its signature",
        "a part that only the old API has (executableCode)",
        "a result without a call",
        "a medium (image/png at an address)",
        "the setting thinkingConfig",
    }
    assert "Hm." not in str(request.body)


def test_settings_have_each_api_s_names() -> None:
    """Whatever the old API called them."""
    openai = written("openai").body
    assert (openai["temperature"], openai["top_p"], openai["max_completion_tokens"], openai["stop"]) == (
        0.5,
        0.9,
        100,
        ["END"],
    )
    anthropic = written("anthropic", settings={"stop": "END", "max_output_tokens": 5}).body
    assert (anthropic["stop_sequences"], anthropic["max_tokens"]) == (["END"], 5)
    assert written("anthropic", settings=None).body["max_tokens"] == 8192
    gemini = written("gemini", settings={"options": {"num_predict": 7, "top_k": 3}, "stop": "END"}).body
    assert gemini["generationConfig"] == {"maxOutputTokens": 7, "topK": 3, "stopSequences": ["END"]}


def test_calls_of_other_models_need_a_signature_from_gemini_3_on() -> None:
    """Gemini 3 refuses a request whose first call in a message has none."""
    parts = written("gemini", model="gemini-3-pro").body["contents"][1]["parts"]
    assert parts[1]["thoughtSignature"] == "skip_thought_signature_validator"
    assert "thoughtSignature" not in str(written("gemini", model="gemini-2.5-pro").body)
