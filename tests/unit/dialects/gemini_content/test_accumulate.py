"""What the chunks of a stream amount to."""

from __future__ import annotations

import copy
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.dialects.gemini_content.accumulate import accumulate, has_content, has_thoughts
from gemtap.dialects.stream_chunks import read_chunks
from tests.unit.providers.exchanges import array, call, candidate, events, json_values, text


def parts(*chunks: Any) -> list[Any]:
    """The parts of the only candidate."""
    (only,) = accumulate(list(chunks))["candidates"]
    found: list[Any] = only["content"]["parts"]
    return found


def test_candidates_are_put_together_by_index() -> None:
    """Chunks are added to the candidate with their index."""
    chunks = [
        {"candidates": [{"index": 1, "content": {"parts": [text("b1")]}}]},
        {"candidates": [{"index": 0, "content": {"parts": [text("a1")]}}, {"index": 1, "finishReason": "STOP"}]},
        {"candidates": [{"index": 0, "content": {"parts": [text("a2")]}, "finishReason": "MAX_TOKENS"}]},
    ]
    assert accumulate(chunks) == {
        "candidates": [
            {"index": 0, "content": {"parts": [text("a1a2")]}, "finishReason": "MAX_TOKENS"},
            {"index": 1, "content": {"parts": [text("b1")]}, "finishReason": "STOP"},
        ]
    }


@pytest.mark.parametrize("index", [{}, {"index": 0}, {"index": None}, {"index": False}])
def test_a_candidate_without_an_index_is_the_first(index: dict[str, Any]) -> None:
    """A candidate without an index is the first."""
    assert parts(candidate(text("Ray"), index=0), candidate(text("leigh"), **index)) == [text("Rayleigh")]


def test_text_goes_on_in_the_part_before_it_only_where_both_are_plain_and_of_the_same_kind() -> None:
    """Only plain texts of the same kind are joined."""
    got = parts(
        candidate(text("Let me", thought=True)),
        candidate(text(" think.", thought=True), text("It ")),
        candidate(text("is"), text(" so", thought=False)),
        candidate(text("!", thoughtSignature="s1")),
        candidate(text("Further")),
        candidate(call("look")),
        candidate(text("more.")),
    )
    assert got == [
        text("Let me think.", thought=True),
        text("It is so"),
        text("!", thoughtSignature="s1"),
        text("Further"),
        call("look"),
        text("more."),
    ]


WHOLE_PARTS = [
    call("get_weather", city="Boston"),
    call("get_weather", city="Boston"),
    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
    {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}},
    {"functionResponse": {"name": "get_weather", "response": {"sky": "blue"}}},
    {"text": "a", "videoMetadata": {"fps": 1}},
]


def test_calls_data_code_and_its_results_stay_whole_and_in_order() -> None:
    """Two equal calls are two calls."""
    assert parts(*(candidate(part) for part in WHOLE_PARTS)) == WHOLE_PARTS
    assert parts(candidate(*WHOLE_PARTS[:3]), candidate(*WHOLE_PARTS[3:])) == WHOLE_PARTS


def test_a_call_in_pieces_is_put_together_by_json_path_until_it_does_not_continue() -> None:
    """Pieces of a call are merged by JSON path."""
    got = parts(
        candidate(text("One moment.")),
        candidate({"functionCall": {"name": "go", "id": "c1", "willContinue": True}, "thoughtSignature": "s1"}),
        candidate(
            {"functionCall": {"partialArgs": [{"jsonPath": "$.to", "stringValue": "Bos"}], "willContinue": True}},
        ),
        candidate({"functionCall": {"partialArgs": [{"jsonPath": "$.to", "stringValue": "ton"}]}}),
        candidate(call("next")),
    )
    assert got == [
        text("One moment."),
        {"functionCall": {"name": "go", "id": "c1", "args": {"to": "Boston"}}, "thoughtSignature": "s1"},
        call("next"),
    ]


def test_parallel_calls_in_pieces_stay_apart() -> None:
    """Parallel incomplete calls stay separate."""

    def piece(city: str) -> dict[str, Any]:
        return {"functionCall": {"partialArgs": [{"jsonPath": "$.to", "stringValue": city}], "willContinue": True}}

    begin: Any = {"functionCall": {"name": "go", "willContinue": True}}
    end: Any = {"functionCall": {}}
    got = parts(candidate(begin, piece("Bos"), piece("ton"), end), candidate(begin, piece("Lynn"), end))
    assert got == [call("go", to="Boston"), call("go", to="Lynn")]


@pytest.mark.parametrize(
    "signed",
    [
        [candidate(text("Yes.")), candidate(text("", thoughtSignature="s1"), finishReason="STOP")],
        [candidate({"thoughtSignature": "s1"})],
        [candidate({**call("a"), "thoughtSignature": "s1"}, call("b"), call("c"))],
        [candidate({**call("a"), "thoughtSignature": "s1"}), candidate({**call("b"), "thoughtSignature": "s2"})],
        [candidate(text("Hm", thought=True, thoughtSignature="s1")), candidate(text("m", thought=True))],
        [
            candidate({"functionCall": {"name": "a", "willContinue": True}, "thoughtSignature": "s1"}),
            candidate({"functionCall": {"willContinue": True}, "thoughtSignature": "s1"}),
            candidate({"functionCall": {}, "thoughtSignature": "s2"}),
        ],
    ],
)
def test_no_thought_signature_is_lost(signed: list[Any]) -> None:
    """All thought signatures are kept."""
    sent = {part.get("thoughtSignature") for chunk in signed for part in chunk["candidates"][0]["content"]["parts"]}
    kept = {part.get("thoughtSignature") for part in parts(*signed)}
    assert kept >= sent - {None}


def test_a_signature_on_an_empty_text_ends_as_a_part_of_its_own() -> None:
    """A signature on an empty text is a part of its own."""
    assert parts(candidate(text("Yes.")), candidate(text("", thoughtSignature="s1"))) == [
        text("Yes."),
        text("", thoughtSignature="s1"),
    ]


def test_the_last_value_that_is_not_null_wins() -> None:
    """The last value that is not null is kept."""
    first = {
        **candidate(
            text("a"),
            finishReason="OTHER",
            finishMessage="wait",
            safetyRatings=[{"category": "HARM", "probability": "LOW"}],
        ),
        "modelVersion": "m1",
        "responseId": "r1",
        "promptFeedback": {"safetyRatings": []},
    }
    second = {
        **candidate(
            text("b"),
            finishReason="STOP",
            finishMessage="done",
            safetyRatings=[{"category": "HARM", "probability": "HIGH"}],
        ),
        "modelVersion": "m2",
        "responseId": "r2",
        "promptFeedback": {"blockReason": "OTHER"},
    }
    silent: dict[str, Any] = {
        **candidate(finishReason=None, finishMessage=None, safetyRatings=None),
        "modelVersion": None,
        "responseId": None,
        "promptFeedback": None,
    }
    expected = {
        **second,
        "candidates": [{**second["candidates"][0], "content": {"role": "model", "parts": [text("ab")]}}],
    }
    assert accumulate([first, second, silent]) == expected


def test_the_last_usage_replaces_the_others_whole() -> None:
    """It is cumulative, and yet may fall: adding up, the greatest value or old fields would all be wrong."""
    usages = [
        {"promptTokenCount": 10_683, "totalTokenCount": 10_700, "thoughtsTokenCount": 17},
        {"promptTokenCount": 10_603, "candidatesTokenCount": 5, "totalTokenCount": 10_608},
    ]
    chunks = [candidate(text("a")) | {"usageMetadata": usage} for usage in usages]
    assert accumulate(chunks)["usageMetadata"] == usages[-1]
    assert accumulate([*chunks, candidate(finishReason="STOP")])["usageMetadata"] == usages[-1]
    assert accumulate([{"usageMetadata": usages[0]}]) == {"usageMetadata": usages[0]}


def test_searches_and_sources_are_united_and_the_last_of_the_rest_wins() -> None:
    """Each chunk may bring others."""
    a, b, c = ({"web": {"uri": f"https://{name}.example", "title": name}} for name in "abc")
    chunks = [
        candidate(text("x"), groundingMetadata={"groundingChunks": [a, b], "webSearchQueries": ["old"]}),
        {"candidates": [{"groundingMetadata": {"groundingChunks": [b, c], "webSearchQueries": ["new"]}}]},
        {"candidates": [{"groundingMetadata": {"searchEntryPoint": {"renderedContent": "<div>"}}}]},
    ]
    (only,) = accumulate(chunks)["candidates"]
    assert only["groundingMetadata"] == {
        "groundingChunks": [a, b, c],
        "webSearchQueries": ["old", "new"],
        "searchEntryPoint": {"renderedContent": "<div>"},
    }


@pytest.mark.parametrize("name", ["citationSources", "citations"])
def test_citations_are_united(name: str) -> None:
    """Citations of all chunks are merged."""
    first, second = {"startIndex": 0, "uri": "https://a.example"}, {"startIndex": 7, "uri": "https://b.example"}
    chunks = [
        candidate(text("x"), citationMetadata={name: [first]}),
        candidate(text("y"), citationMetadata={name: [first, second]}),
        candidate(text("z"), citationMetadata=None),
    ]
    (only,) = accumulate(chunks)["candidates"]
    assert only["citationMetadata"] == {name: [first, second]}


def test_sources_too_deep_to_be_compared_are_all_kept() -> None:
    """Sources that are nested too deeply to compare are all kept."""

    def deep() -> Any:
        source: Any = []
        for _ in range(100_000):
            source = [source]
        return source

    (only,) = accumulate([candidate(groundingMetadata={"groundingChunks": [deep()]}) for _ in "ab"])["candidates"]
    assert len(only["groundingMetadata"]["groundingChunks"]) == 2


def test_a_truncated_stream_keeps_its_partial_text_and_no_finish_reason() -> None:
    """An incomplete stream keeps its text, without a finish reason."""
    got = accumulate([candidate(text("It is ")), candidate(text("so bec"))])
    assert got == candidate(text("It is so bec"))


def test_a_truncated_call_says_that_it_would_have_continued() -> None:
    """An incomplete call keeps `willContinue`."""
    piece = {"partialArgs": [{"jsonPath": "$.to", "stringValue": "Bos"}], "willContinue": True}
    assert parts(candidate({"functionCall": {"name": "go", **piece}})) == [
        {"functionCall": {"name": "go", "args": {"to": "Bos"}, "willContinue": True}}
    ]


def test_an_empty_list_of_parts_stays() -> None:
    """An empty list of parts is kept."""
    assert accumulate([candidate(finishReason="STOP")]) == candidate(finishReason="STOP")
    assert accumulate([{"candidates": [{"content": {"role": "model"}, "finishReason": "STOP"}]}]) == {
        "candidates": [{"content": {"role": "model"}, "finishReason": "STOP"}]
    }


def test_what_is_no_chunk_adds_nothing() -> None:
    """Other values in the stream are ignored."""
    assert accumulate([None, 7, [candidate(text("a"))], "x"]) == {}
    assert accumulate([{"candidates": [None, 7]}, {"candidates": "x"}]) == {}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (text("a"), True),
        (text("a", thought=True), True),
        (call("look"), True),
        (text("", thoughtSignature="s1"), False),
        ({"thoughtSignature": "s1"}, False),
        (text(""), False),
    ],
)
def test_content_is_what_a_reader_would_see(part: dict[str, Any], expected: bool) -> None:
    """Text, media and calls count as content."""
    assert has_content(candidate(part)) is expected


def test_thoughts_are_told_from_text() -> None:
    """Thoughts are distinguished from text."""
    assert has_thoughts(candidate(text("a"), text("b", thought=True)))
    assert not has_thoughts(candidate(text("a", thought=False), call("look")))


some_parts = st.one_of(
    st.builds(text, st.text(max_size=3)),
    st.builds(text, st.text(max_size=3), thought=st.booleans()),
    st.builds(text, st.just(""), thoughtSignature=st.text(max_size=2)),
    st.builds(lambda part, signature: {**part, "thoughtSignature": signature}, st.just(call("f")), st.text(max_size=2)),
    st.builds(call, st.sampled_from("fg"), a=json_values),
    st.sampled_from(WHOLE_PARTS),
)


def outline(found: list[Any]) -> dict[str, Any]:
    """What the parts say, by adding up alone."""
    return {
        "text": "".join(part["text"] for part in found if "text" in part and not part.get("thought")),
        "thoughts": "".join(part["text"] for part in found if "text" in part and part.get("thought")),
        "calls": [repr(part["functionCall"]) for part in found if "functionCall" in part],
        "signatures": [part["thoughtSignature"] for part in found if "thoughtSignature" in part],
    }


@given(sent=st.lists(some_parts, min_size=1, max_size=8), cuts=st.sets(st.integers(1, 7)))
def test_it_does_not_matter_how_parts_are_dealt_out_to_chunks(sent: list[Any], cuts: set[int]) -> None:
    """The result does not depend on how parts are divided into chunks."""
    bounds = [0, *sorted(cuts), len(sent)]
    dealt = [candidate(*sent[start:end]) for start, end in itertools.pairwise(bounds)]
    assert repr(parts(*dealt)) == repr(parts(candidate(*sent)))
    assert outline(parts(*dealt)) == outline(sent)


@given(sent=st.lists(some_parts, max_size=8))
def test_accumulating_what_has_been_accumulated_changes_nothing(sent: list[Any]) -> None:
    """Accumulating an accumulated response changes nothing."""
    once = accumulate([candidate(part) for part in sent])
    assert repr(accumulate([once])) == repr(once)


@given(sent=st.lists(some_parts, min_size=1, max_size=8))
def test_accumulating_leaves_the_chunks_as_they_are(sent: list[Any]) -> None:
    """Accumulating does not modify the chunks."""
    chunks = [candidate(part) for part in sent]
    before = copy.deepcopy(chunks)
    accumulate(chunks)
    assert repr(chunks) == repr(before)


LONG_STREAM = [
    candidate(text("Let me think – hm.", thought=True)),
    candidate(text("Grüße, "), text("Ω😀"), groundingMetadata={"groundingChunks": [{"web": {"uri": "https://a"}}]}),
    candidate({**call("look", where="\u2028"), "thoughtSignature": "c2ln"}),
    {**candidate(text(""), finishReason="STOP"), "usageMetadata": {"totalTokenCount": 9}},
]


@pytest.mark.parametrize("frame", [events, array])
def test_a_stream_torn_at_any_byte_amounts_to_the_chunks_that_came_whole(frame: Any) -> None:
    """A torn stream gives the same as its whole chunks."""
    body = frame(*LONG_STREAM)
    for cut in range(len(body) + 1):
        chunks = read_chunks(body[:cut])
        readable = [chunk.value for chunk in chunks if isinstance(chunk.value, dict)]
        assert readable == LONG_STREAM[: len(readable)]
        assert len(chunks) - len(readable) <= 1
        amount = json.dumps(accumulate([chunk.value for chunk in chunks]))
        assert amount == json.dumps(accumulate(LONG_STREAM[: len(readable)]))
