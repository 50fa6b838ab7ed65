"""The chunks of a chat completion, and the one that they amount to."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.dialects.openai_chat.accumulate import accumulate, all_finished, has_content, has_thoughts


def chunk(delta: Any = None, **choice: Any) -> dict[str, Any]:
    fields = {"index": 0, "delta": {} if delta is None else delta, **choice}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [fields]}


def message(*chunks: Any) -> Any:
    return accumulate(list(chunks))["choices"][0]["message"]


def call(arguments: str, index: int | None = 0, **fields: Any) -> dict[str, Any]:
    function = {"arguments": arguments, **({"name": fields.pop("name")} if "name" in fields else {})}
    return {"tool_calls": [{**({} if index is None else {"index": index}), **fields, "function": function}]}


def test_chunks_amount_to_a_chat_completion() -> None:
    """Chunks are accumulated into a chat completion."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    chunks = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Ray"}, finish_reason=None),
        chunk({"content": "leigh."}, logprobs=None),
        chunk({}, finish_reason="stop"),
        {"id": "c1", "object": "chat.completion.chunk", "choices": [], "usage": usage},
    ]
    assert accumulate(chunks) == {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Rayleigh."},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": usage,
    }


def test_the_last_usage_stands_whole() -> None:
    """Gemini sends it with every chunk."""
    first = chunk({"content": "a"}) | {"usage": {"total_tokens": 9, "prompt_tokens": 9}}
    last = chunk({"content": "b"}) | {"usage": {"total_tokens": 5}}
    assert accumulate([first, last, chunk() | {"usage": None}])["usage"] == {"total_tokens": 5}


def test_choices_are_put_together_by_index() -> None:
    """Deltas are added to the choice with their index."""
    chunks = [chunk({"content": "b"}, index=1), chunk({"content": "a"}), chunk({"content": "B"}, index=1)]
    choices = accumulate(chunks)["choices"]
    assert [(each["index"], each["message"]["content"]) for each in choices] == [(0, "a"), (1, "bB")]


def test_the_arguments_of_a_call_come_in_pieces() -> None:
    """Pieces of arguments are joined."""
    got = message(
        chunk({"role": "assistant", "content": None, **call("", id="a", type="function", name="f")}),
        chunk(call('{"x"')),
        chunk(call(": 1}", id="", name="")),
    )
    assert got == {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}],
    }


def test_parallel_calls_are_put_together_by_index() -> None:
    """Parallel calls are accumulated by index."""
    got = message(
        chunk(call("1", 0, id="a", name="f")),
        chunk(call("3", 1, id="b", name="g")),
        chunk(call("2", 0)),
        chunk(call("4", 1, id="b")),
    )
    assert [(each["id"], each["function"]["arguments"]) for each in got["tool_calls"]] == [("a", "12"), ("b", "34")]


@pytest.mark.parametrize("index", [0, None])
def test_whole_calls_under_one_index_are_told_apart_by_their_ids(index: int | None) -> None:
    """As Gemini has sent them; the thought signature stays with its call."""
    signature = {"google": {"thought_signature": "s"}}
    got = message(
        chunk(call("{}", index, id="a", name="f", extra_content=signature)), chunk(call("{}", index, id="b", name="f"))
    )
    assert [each["id"] for each in got["tool_calls"]] == ["a", "b"]
    assert got["tool_calls"][0]["extra_content"] == signature


def calls_of(*fragments: list[dict[str, Any]]) -> list[tuple[Any, Any, Any]]:
    """Id, name and arguments of the calls that fragments under index 0 amount to, those of one chunk a list each."""
    got = message(*(chunk({"tool_calls": [{"index": 0, **each} for each in some]}) for some in fragments))
    return [
        (each.get("id"), each["function"].get("name"), each["function"].get("arguments")) for each in got["tool_calls"]
    ]


def named(name: str, arguments: str, **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **fields}


def test_whole_calls_without_ids_are_told_apart() -> None:
    """Gemini's parallel calls with no id or an empty one, in one chunk or in several."""
    first, second = '{"tz":"UTC"}', '{"city":"Oslo"}'
    for fields in ({}, {"id": ""}, {"id": None}):
        two = [named("get_time", first, **fields), named("get_weather", second, **fields)]
        expected = [(None, "get_time", first), (None, "get_weather", second)]
        assert (
            calls_of(two) == calls_of(two[:1], two[1:]) == [(fields.get("id") or None, *each[1:]) for each in expected]
        )
    again = [named("add", '{"a": 1}'), named("add", ' {"a": 2}'), named("add", '{"a": 3}')]
    assert [arguments for _, _, arguments in calls_of(again)] == ['{"a": 1}', ' {"a": 2}', '{"a": 3}']


def test_arguments_after_whole_ones_are_those_of_another_call() -> None:
    """A gateway may name the function once, and send the arguments of each of its calls after that."""
    got = calls_of(
        [named("glob", "", id="t1")],
        [{"function": {"name": "", "arguments": '{"pattern":"**/*"}'}}],
        [{"function": {"name": "", "arguments": '{"path":"content"}'}}],
    )
    assert got == [("t1", "glob", '{"pattern":"**/*"}'), (None, "glob", '{"path":"content"}')]


def test_calls_in_pieces_without_ids_are_told_apart() -> None:
    """A brace in a text, or one that is escaped, ends no arguments; another name begins another call."""
    pieces = ['{"text": "}', "{", "\\", '"}', '{", "list": [', '{"a": {}}', '{"b": 1}', "]}"]
    fragments = [[{"function": {"arguments": piece}}] for piece in pieces]
    whole = "".join(pieces)
    got = calls_of([named("f", "")], *fragments, [named("f", "")], *fragments, [named("g", "")], [named("h", "{}")])
    assert got == [(None, "f", whole), (None, "f", whole), (None, "g", ""), (None, "h", "{}")]


def test_a_call_that_repeats_its_id_goes_on() -> None:
    """What has the same id belongs to the same call, whatever its arguments are."""
    assert calls_of([named("f", "{}", id="a")], [named("f", '{"x": 1}', id="a")]) == [("a", "f", '{}{"x": 1}')]
    assert calls_of([named("f", '{"x"', id="a")], [named("f", ": 1}", id="")]) == [("a", "f", '{"x": 1}')]


def test_a_function_call_of_old_comes_in_pieces_too() -> None:
    """Pieces of the deprecated `function_call` are joined."""
    got = message(
        chunk({"function_call": {"name": "f", "arguments": "{"}}), chunk({"function_call": {"arguments": "}"}})
    )
    assert got["function_call"] == {"name": "f", "arguments": "{}"}


def test_refusals_and_thoughts_are_texts() -> None:
    """Refusals and reasoning are joined like text."""
    got = message(
        chunk({"reasoning_content": "Hm", "refusal": "I "}), chunk({"reasoning_content": "!", "refusal": "won't"})
    )
    assert got == {"reasoning_content": "Hm!", "refusal": "I won't"}


def test_the_probabilities_of_all_tokens_are_kept() -> None:
    """Log probabilities of all tokens are kept."""
    chunks = [
        chunk({"content": "a"}, logprobs={"content": [{"token": "a"}], "refusal": None}),
        chunk({"content": "b"}, logprobs={"content": [{"token": "b"}]}),
    ]
    before = [{"token": "a"}]
    assert accumulate(chunks)["choices"][0]["logprobs"] == {"content": [*before, {"token": "b"}], "refusal": []}
    assert chunks[0]["choices"][0]["logprobs"]["content"] == before


def test_what_is_added_to_a_message_stays() -> None:
    """Other members of a message are kept, each with its last value."""
    assert message(chunk({"content": "a", "parsed": [1]}), chunk({"parsed": [2]}))["parsed"] == [2]


def test_annotations_are_collected() -> None:
    """Citations may come in several chunks."""
    assert message(chunk({"content": "a", "annotations": [1]}), chunk({"annotations": [2]}))["annotations"] == [1, 2]


def test_sound_and_its_transcript_are_joined() -> None:
    """The data of each chunk is appended; id and expiry are told once."""
    whole = message(
        chunk({"audio": {"id": "audio_1", "transcript": "Hel"}}),
        chunk({"audio": {"transcript": "lo", "data": "AAAA"}}),
        chunk({"audio": {"data": "BBBB", "expires_at": 9}}),
    )
    assert whole["audio"] == {"id": "audio_1", "transcript": "Hello", "data": "AAAABBBB", "expires_at": 9}


def test_calls_of_custom_tools_are_joined() -> None:
    """Their input is free text, in pieces."""
    whole = message(
        chunk({"tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "patch", "input": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "custom": {"input": "*** Be"}}]}),
        chunk({"tool_calls": [{"index": 0, "custom": {"input": "gin"}}]}),
    )
    assert whole["tool_calls"] == [{"id": "c", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}]


@pytest.mark.parametrize("odd", [None, 1, [], {"choices": 1}, {"choices": [1]}, {"choices": [{"delta": 1}]}])
def test_chunks_of_other_shapes_bring_nothing(odd: Any) -> None:
    """Chunks of other shapes are ignored."""
    assert not has_content(odd)
    assert not has_thoughts(odd)
    assert message(chunk({"content": "a"}), odd, chunk({"content": "b"}))["content"] == "ab"


@pytest.mark.parametrize(
    ("delta", "content", "thoughts"),
    [
        ({"role": "assistant", "content": ""}, False, False),
        ({"content": "a"}, True, False),
        ({"reasoning_content": "a"}, True, True),
        (call("", id="a"), True, False),
        ({"function_call": {"name": "f"}}, True, False),
        ({"tool_calls": []}, False, False),
    ],
)
def test_text_and_calls_are_content(delta: Any, content: bool, thoughts: bool) -> None:
    """Text and calls count as content."""
    assert has_content(chunk(delta)) is content
    assert has_thoughts(chunk(delta)) is thoughts


def test_an_answer_is_finished_when_every_choice_says_why() -> None:
    """A response is finished when every choice has a finish reason."""
    assert not all_finished(accumulate([]))
    assert not all_finished(accumulate([chunk({}, finish_reason="stop"), chunk({}, index=1)]))
    assert all_finished(accumulate([chunk({}, finish_reason="stop")]))
