"""What gateways and other models add to OpenAI's chats, in the shapes of their recorded traffic."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gemtap.conversation.model import Grounding, Source, Text, Thought
from gemtap.dialects.base import Parsed
from gemtap.dialects.openai_chat.accumulate import accumulate, has_content, has_thoughts
from gemtap.dialects.openai_chat.conversation import read
from gemtap.interaction import NO_TOKENS
from tests.unit.providers.exchanges import SSE, parse

CHAT = "/v1beta/openai/chat/completions"
STOP = {"finish_reason": "stop"}


def chunk(delta: Any = None, *, choice: Any = None, **fields: Any) -> dict[str, Any]:
    whole = {"index": 0, "delta": delta or {}, "finish_reason": None, **(choice or {})}
    return {"id": "gen-1", "object": "chat.completion.chunk", "model": "m", "choices": [whole], **fields}


def streamed(*chunks: Any) -> Parsed:
    """As gateways frame it, with the comments that keep a connection open."""
    frames = (f"data: {json.dumps(each)}\n\n" for each in chunks)
    body = ": PROCESSING\n\n" + "".join(frames) + "data: [DONE]\n\n"
    return parse(path=CHAT, request={"model": "m", "messages": []}, response=body.encode(), content_type=SSE)


def message(*deltas: Any) -> Any:
    return accumulate([chunk(delta) for delta in deltas])["choices"][0]["message"]


def parts(answer: Any, **fields: Any) -> Any:
    found = read({}, {"choices": [{"message": answer}], **fields}).answer
    return found.parts if found is not None else ()


def test_reasoning_details_are_joined_by_type_and_index() -> None:
    """OpenRouter: texts and summaries come in pieces, signatures and what is encrypted come whole."""
    text = {"type": "reasoning.text", "index": 0, "format": "anthropic-claude-v1"}
    sealed = {"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_1", "index": 1, "format": "openai"}
    deltas: tuple[dict[str, Any], ...] = (
        {"role": "assistant", "content": "", "reasoning": "Light", "reasoning_details": [{**text, "text": "Light"}]},
        {"content": "", "reasoning": " bends.", "reasoning_details": [{**text, "text": " bends."}]},
        {"content": "", "reasoning_details": [{**text, "signature": "EuYB"}]},
        {"content": "So.", "reasoning_details": [sealed]},
        {"content": "", "reasoning": None, "reasoning_details": []},
    )
    assert message(*deltas) == {
        "role": "assistant",
        "content": "So.",
        "reasoning": "Light bends.",
        "reasoning_details": [{**text, "text": "Light bends.", "signature": "EuYB"}, sealed],
    }


def test_thinking_blocks_end_with_their_signature() -> None:
    """LiteLLM has no index: the next text after a signature is the next block."""
    said = [
        {"type": "thinking", "thinking": text, "signature": sign} for text, sign in (("a", ""), ("b", ""), ("", "s"))
    ]
    deltas = [{"thinking_blocks": [each]} for each in (*said, {"type": "thinking", "thinking": "c"})]
    assert message(*deltas)["thinking_blocks"] == [
        {"type": "thinking", "thinking": "ab", "signature": "s"},
        {"type": "thinking", "thinking": "c"},
    ]


def test_every_picture_of_a_stream_is_kept() -> None:
    """OpenRouter: each comes whole in a delta of its own."""
    pictures = [
        {"type": "image_url", "index": n, "image_url": {"url": f"data:image/png;base64,AAA{n}"}} for n in (0, 1)
    ]
    deltas = [{"content": "Here: "}, *({"content": "", "images": [each]} for each in pictures)]
    assert message(*deltas)["images"] == pictures


@pytest.mark.parametrize(
    ("answer", "thoughts"),
    [
        (
            {"reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "signature": "s"}]},
            (Thought("Hm.", "s", form="anthropic_messages"),),
        ),
        ({"reasoning_details": [{"type": "reasoning.summary", "summary": "Hm."}]}, (Thought("Hm."),)),
        (
            {"reasoning_details": [{"type": "reasoning.encrypted", "data": "gA", "format": "openai-responses-v1"}]},
            (Thought("", sealed="gA", form="openai_responses"),),
        ),
        (
            {"reasoning_details": [{"type": "reasoning.encrypted", "data": "gA", "format": "unknown"}]},
            (Thought("", sealed="gA"),),
        ),
        ({"thinking_blocks": [{"type": "thinking", "thinking": "Hm."}]}, (Thought("Hm."),)),
        ({"reasoning": "Hm.", "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]}, (Thought("Hm."),)),
        ({"reasoning_details": [{"type": "reasoning.future", "blob": 1}, 5]}, ()),
    ],
)
def test_thoughts_are_read_once_wherever_they_are(answer: Any, thoughts: Any) -> None:
    """The plain text, where there is one, else the blocks by which they are sent again."""
    assert parts({"content": "So.", **answer}) == (*thoughts, Text("So."))


@pytest.mark.parametrize(
    ("delta", "content", "thoughts"),
    [
        ({"reasoning_details": [{"type": "reasoning.text", "text": "a"}]}, True, True),
        ({"reasoning_details": [{"type": "reasoning.encrypted", "data": "g"}]}, True, False),
        ({"thinking_blocks": [{"type": "thinking", "thinking": "a"}]}, True, True),
        ({"images": [{"type": "image_url"}]}, True, False),
        ({"content": "", "reasoning_details": [], "tool_calls": []}, False, False),
        ({"text": "a"}, False, False),
    ],
)
def test_the_first_token_may_be_a_thought_or_a_picture(delta: Any, content: bool, thoughts: bool) -> None:
    """Empty lists are none."""
    assert (has_content(chunk(delta)), has_thoughts(chunk(delta))) == (content, thoughts)


USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}


@pytest.mark.parametrize(
    "last",
    [
        chunk(choice=STOP, usage=USAGE),
        chunk(choice=STOP, x_groq={"id": "req_1", "usage": USAGE}),
        chunk(choice={**STOP, "usage": USAGE}),
    ],
    ids=["in its own place", "Groq", "Moonshot"],
)
def test_the_usage_of_a_stream_is_found(last: Any) -> None:
    """Some have it where OpenAI does not."""
    found = streamed(chunk({"content": "So."}, x_groq={"id": "req_1"}), last)
    assert (found.usage_metadata, found.tokens) == (USAGE, {**NO_TOKENS, "input": 7, "output": 2, "total": 9})


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({**USAGE, "cached_tokens": 5}, {"input": 7, "cached": 5, "output": 2, "total": 9}),
        (
            {**USAGE, "prompt_cache_hit_tokens": 5, "prompt_cache_miss_tokens": 2},
            {"input": 7, "cached": 5, "output": 2, "total": 9},
        ),
        (
            {**USAGE, "completion_tokens_details": {"reasoning_tokens": 3}},
            {"input": 7, "output": 0, "reasoning": 2, "total": 9},
        ),
    ],
    ids=["Moonshot", "DeepSeek", "more reasoning than was put out"],
)
def test_counts_that_only_gateways_have(usage: Any, tokens: Any) -> None:
    """None of them is counted twice."""
    assert streamed(chunk({"content": "So."}, choice=STOP, usage=usage)).tokens == {**NO_TOKENS, **tokens}


@pytest.mark.parametrize(
    "last",
    [
        chunk(choice={"finish_reason": "length"}, error={"code": 400, "message": "Too long"}),
        chunk(choice={"finish_reason": "error", "error": {"code": 502, "message": "Too long"}}),
    ],
    ids=["beside the choices", "in a choice"],
)
def test_an_error_behind_the_gateway_is_the_error(last: Any) -> None:
    """The stream itself ends as any other does."""
    found = streamed(chunk({"content": "So"}), last)
    assert found.error is not None
    assert found.error["message"] == "Too long"


def test_an_error_in_a_choice_is_found_without_streaming() -> None:
    """With a status of 200."""
    choice = {"error": {"code": 502, "message": "Bad gateway"}, "finish_reason": "error", "message": {"content": ""}}
    found = parse(path=CHAT, request={"model": "m", "messages": []}, response={"choices": [choice]})
    assert found.error is not None
    assert found.error["message"] == "Bad gateway"


def test_a_first_chunk_that_says_nothing_changes_nothing() -> None:
    """Azure's router sends one before it knows the model."""
    empty = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
    found = streamed(empty, chunk({"content": "So."}, choice=STOP), {**chunk(), "choices": [], "usage": USAGE})
    assert (found.model_version, found.finish_reason, found.error) == ("m", "stop", None)


def test_sources_beside_the_choices_are_those_of_the_answer() -> None:
    """Perplexity names each twice, and some models only their addresses."""
    results = [{"title": "A", "url": "https://a.example", "date": "2026-08-29", "snippet": "..."}]
    cited = ["https://a.example", "https://b.example"]
    sources = (Source("web", "A", "https://a.example"), Source("web", None, "https://b.example"))
    said = {"content": "So."}
    assert parts(said, search_results=results, citations=cited) == (Text("So."), Grounding((), sources))
    assert parts(said, citations=[]) == (Text("So."),)


def test_a_file_that_was_read_is_a_source_by_its_name() -> None:
    """OpenRouter returns what it has read of a PDF as an annotation."""
    read_file = {"type": "file", "file": {"hash": "1", "name": "a.pdf", "content": [{"type": "text", "text": "..."}]}}
    answer = {"content": "So.", "annotations": [read_file]}
    assert parts(answer) == (Text("So."), Grounding((), (Source("file", "a.pdf", None),)))
