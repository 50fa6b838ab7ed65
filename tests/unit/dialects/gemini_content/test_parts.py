"""Whatever a content, an answer or a request for content says is in the conversation."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.conversation.canonical import pieces
from gemtap.conversation.model import (
    Aside,
    BuiltInTool,
    Call,
    Conversation,
    Grounding,
    Media,
    Message,
    Other,
    Result,
    Source,
    Text,
    Thought,
    Tool,
)
from gemtap.dialects.gemini_content.accumulate import accumulate
from gemtap.dialects.gemini_content.conversation import read

PIXEL = {"mimeType": "image/png", "data": "AAAA"}


def answer(**candidate: Any) -> Conversation:
    return read(None, {"candidates": [candidate]})


def parts_of(conversation: Conversation) -> tuple[object, ...]:
    assert conversation.answer is not None
    return conversation.answer.parts


def asked(**request: Any) -> Conversation:
    return read({"contents": "Why?", **request}, None)


def result(*media: Any, response: Any = None) -> dict[str, Any]:
    return {"functionResponse": {"name": "draw", "response": response or {"title": "Q4"}, "parts": list(media)}}


@pytest.mark.parametrize(
    ("medium", "read_as"),
    [
        ({"inlineData": PIXEL}, Media("image/png", base64="AAAA")),
        ({"inline_data": {"mime_type": "image/png", "data": "AAAA"}}, Media("image/png", base64="AAAA")),
        (
            {"fileData": {"fileUri": "gs://b/a.pdf", "mimeType": "application/pdf"}},
            Media("application/pdf", "gs://b/a.pdf"),
        ),
    ],
)
def test_media_that_a_tool_gave_back_belong_to_its_result(medium: Any, read_as: Media) -> None:
    """Gemini 3 takes them in `functionResponse.parts`."""
    for parts in ([result(medium)], [{"function_response": {**result(medium)["functionResponse"], "parts": medium}}]):
        conversation = read({"contents": [{"role": "user", "parts": parts}]}, None)
        assert conversation.prompt == (
            Message("tool", (Result({"title": "Q4"}, "draw", media=(read_as,), is_error=False),)),
        )


def test_results_that_differ_in_their_media_alone_are_different_messages() -> None:
    """Threads go by it."""
    one, two, none = (
        [piece.said for piece in pieces(read({"contents": [{"parts": [result(*media)]}]}, None).prompt)]
        for media in ([{"inlineData": PIXEL}], [{"inlineData": {**PIXEL, "data": "BBBB"}}], [])
    )
    assert one != two
    assert none not in (one, two)


def test_what_the_api_runs_itself_is_part_of_the_answer() -> None:
    """Server-side tools, code and its output, in both spellings; kinds that are not known yet too."""
    search = {"id": "t1", "toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["weather oslo"]}}
    found = {"id": "t1", "toolType": "GOOGLE_SEARCH_WEB", "response": {"search_suggestions": "<div/>"}}
    parts: list[Any] = [
        {"toolCall": search, "thoughtSignature": "c2ln"},
        {"tool_response": found},
        {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
        {"code_execution_result": {"outcome": "OUTCOME_OK", "output": "1\n"}},
        {"hologram": {"angle": 3}},
        {"functionCall": {"name": "book", "args": {"city": "Oslo"}, "id": "f1"}},
        {"thoughtSignature": "c2ln"},
        {"text": ""},
    ]
    assert parts_of(answer(content={"parts": parts})) == (
        Other("toolCall", search),
        Other("tool_response", found),
        Other("executableCode", {"language": "PYTHON", "code": "print(1)"}),
        Other("code_execution_result", {"outcome": "OUTCOME_OK", "output": "1\n"}),
        Other("hologram", {"angle": 3}),
        Call("book", {"city": "Oslo"}, "f1"),
        Thought("", sealed="c2ln", form="gemini_content"),
    )


def test_something_unknown_beside_a_text_takes_nothing_from_it() -> None:
    """Whichever stands first."""
    assert parts_of(answer(content={"parts": [{"mood": {"calm": 1}, "text": "So."}]})) == (Text("So."),)


def test_a_cut_of_a_video_is_said_and_makes_it_another_message() -> None:
    """`videoMetadata` stands beside the file."""
    file, cut = {"fileData": {"fileUri": "https://youtu.be/x"}}, {"startOffset": "1s", "endOffset": "9s", "fps": 2}
    whole, part = (read({"contents": {"parts": parts}}, None) for parts in (file, {**file, "video_metadata": cut}))
    (said,) = part.prompt[0].parts
    assert isinstance(said, Media)
    assert said.cut == cut
    assert list(pieces(whole.prompt)) != list(pieces(part.prompt))


def test_grounding_has_its_searches_and_sources() -> None:
    """The web, documents, maps, addresses that were read, and citations of both APIs."""
    read_as = parts_of(
        answer(
            content={"parts": [{"text": "12,345"}]},
            groundingMetadata={
                "webSearchQueries": ["population", "population"],
                "retrievalQueries": ["town"],
                "groundingChunks": [
                    {"web": {"uri": "https://a.example", "title": "A"}},
                    {"web": {"uri": "https://a.example", "title": "A"}},
                    {"retrievedContext": {"title": "town.pdf", "text": "It has 12,345.", "fileSearchStore": "s"}},
                    {"maps": {"uri": "https://maps.example", "placeId": "p"}},
                    {"image": {"sourceUri": "https://i.example", "domain": "i.example"}},
                ],
            },
            urlContextMetadata={
                "urlMetadata": [{"retrievedUrl": "https://b.example", "urlRetrievalStatus": "STATUS_ERROR"}]
            },
            citationMetadata={
                "citationSources": [{"uri": "https://c.example", "license": "MIT"}],
                "citations": [{"title": "D", "uri": "https://d.example"}],
            },
        )
    )
    assert read_as == (
        Text("12,345"),
        Grounding(
            ("population", "town"),
            (
                Source("web", "A", "https://a.example"),
                Source("retrievedContext", "town.pdf", None, "It has 12,345."),
                Source("maps", "p", "https://maps.example"),
                Source("image", "i.example", "https://i.example"),
                Source("url", None, "https://b.example", "STATUS_ERROR"),
                Source("citation", None, "https://c.example", "MIT"),
                Source("citation", "D", "https://d.example"),
            ),
        ),
    )


def test_what_stands_beside_an_answer_is_not_sent_again_and_does_not_part_threads() -> None:
    """The next request has the words alone."""
    grounded = answer(content={"parts": [{"text": "So."}]}, groundingMetadata={"webSearchQueries": ["why"]})
    plain = answer(content={"parts": [{"text": "So."}]}, groundingMetadata={})
    assert plain.answer == Message("model", (Text("So."),))
    assert list(pieces(grounded.messages)) == list(pieces(plain.messages))


def test_log_probabilities_of_all_chunks_are_kept_in_order() -> None:
    """Each chunk has those of its own tokens; equal ones may follow each other."""
    chunks = [
        {
            "candidates": [
                {
                    "content": {"parts": [{"text": token}]},
                    "logprobsResult": {
                        "chosenCandidates": [{"token": token, "logProbability": -0.5}],
                        "topCandidates": [{"candidates": [{"token": token, "logProbability": -0.5}]}],
                        "logProbabilitySum": -0.5,
                    },
                }
            ]
        }
        for token in ("ha", "ha", "!")
    ]
    (candidate,) = accumulate(chunks)["candidates"]
    said = candidate["logprobsResult"]
    assert [each["token"] for each in said["chosenCandidates"]] == ["ha", "ha", "!"]
    assert len(said["topCandidates"]) == 3
    assert said["logProbabilitySum"] == -1.5
    assert parts_of(read(None, {"candidates": [candidate]})) == (Text("haha!"), Aside("logprobsResult", said))


DECLARED = {"name": "f", "parameters": {"type": "object"}}


@pytest.mark.parametrize(
    "tools",
    [
        {"function_declarations": [DECLARED]},
        {"functionDeclarations": DECLARED},
        [{"functionDeclarations": DECLARED}],
        [{"functionDeclarations": [DECLARED]}],
    ],
)
def test_one_object_is_taken_for_a_list_of_one(tools: Any) -> None:
    """The API takes it so for tools, their declarations, contents and parts."""
    assert asked(tools=tools).tools == (Tool("f", None, {"type": "object"}),)
    one = {"role": "user", "parts": {"text": "Why?"}}
    assert read({"contents": one}, None).prompt == read({"contents": [one]}, None).prompt == asked().prompt


@pytest.mark.parametrize(
    "system",
    ["Be brief.", {"text": "Be brief."}, {"parts": {"text": "Be brief."}}, {"parts": [{"text": "Be brief."}]},
     [{"text": "Be brief."}], [{"parts": [{"text": "Be brief."}]}]],
)  # fmt: skip
def test_a_system_instruction_has_many_forms(system: Any) -> None:
    """A text, a part, a content, or a list of these."""
    assert asked(system_instruction=system).system == "Be brief."


def test_built_in_tools_that_were_on_are_told_apart_from_declared_ones() -> None:
    """With their settings."""
    tools = [{"googleSearch": {}, "functionDeclarations": [DECLARED]}, {"fileSearch": {"fileSearchStoreNames": ["s"]}}]
    conversation = asked(tools=tools)
    assert conversation.built_in == (
        BuiltInTool("googleSearch", {}),
        BuiltInTool("fileSearch", {"fileSearchStoreNames": ["s"]}),
    )
    assert [tool.name for tool in conversation.tools] == ["f"]


@pytest.mark.parametrize("name", ["cachedContent", "cached_content"])
def test_cached_content_that_stands_before_is_named(name: str) -> None:
    """Its messages are not in the request."""
    assert asked(**{name: "cachedContents/abc"}).cache == "cachedContents/abc"
