"""Where the input tokens come from, as far as it can be told."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gemtap.conversation.model import Call, Conversation, Media, Message, Result, Text, Thought, Tool
from gemtap.interaction import NO_TOKENS, Tokens
from gemtap.recorder.context import context_of


def tokens(count: int | None) -> Tokens:
    return {**NO_TOKENS, "input": count}


TURN = Conversation(
    system="s" * 100,
    prompt=(
        Message("user", (Text("q" * 40),)),
        Message("model", (Thought("t" * 30), Text("a" * 20), Call("read", {"path": "x"}))),  # 50 and 4 + 12
        Message("tool", (Result("f" * 200, "read"),)),  # 204
        Message("user", (Text("n" * 10),)),
    ),
    answer=Message("model", (Text("not of the input"),)),
    tools=(Tool("read", "r" * 46, None),),  # 50
)


def test_each_part_has_its_share_by_characters() -> None:
    """Here four characters are two tokens."""
    assert context_of(TURN, tokens(235), None) == {
        "system": 50,
        "tools": 25,
        "media": 0,
        "results": 102,
        "history": 53,
        "new": 5,
    }


def test_media_are_what_the_api_counted_and_the_rest_is_shared_out() -> None:
    """Media tokens are the API's count, and the rest is distributed."""
    prompt = (Message("user", (Text("look"), Media("image/png", base64="A" * 1_000_000))),)
    seen = context_of(Conversation(None, prompt, None), tokens(1300), 1290)
    assert seen == {"system": 0, "tools": 0, "media": 1290, "results": 0, "history": 0, "new": 10}


def test_an_image_that_nobody_counted_is_an_image() -> None:
    """Without a count of the API, an image has an estimate."""
    prompt = (Message("user", (Text("look"), Media("image/png", uri="https://files.example/1"))),)
    seen = context_of(Conversation(None, prompt, None), tokens(300), None)
    assert seen is not None
    assert (seen["media"], seen["new"]) == (258, 42)
    few = context_of(Conversation(None, prompt, None), tokens(100), None)
    assert few is not None
    assert (few["media"], few["new"]) == (100, 0)


def test_what_the_model_said_last_divides_old_from_new() -> None:
    """Messages after the model's last one are new."""
    prompt = (Message("user", (Text("abcd"),)), Message("model", (Text("efgh"),)))
    seen = context_of(Conversation(None, prompt, None), tokens(2), None)
    assert seen is not None
    assert (seen["history"], seen["new"]) == (2, 0)


@pytest.mark.parametrize(
    ("conversation", "count"),
    [(TURN, None), (Conversation(None, (), None), 5), (Conversation("", (Message("user", (Text(""),)),), None), 5)],
)
def test_where_nothing_is_known_nothing_is_said(conversation: Conversation, count: int | None) -> None:
    """Without input tokens, the context is None."""
    assert context_of(conversation, tokens(count), None) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
PARTS = st.one_of(
    st.builds(Text, st.text()),
    st.builds(Thought, st.text()),
    st.builds(Call, st.text(), JSON),
    st.builds(Result, JSON, st.none() | st.text()),
    st.builds(Media, st.just("image/png")),
)
MESSAGES = st.builds(Message, st.sampled_from(["user", "model", "tool"]), st.lists(PARTS, max_size=3).map(tuple))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.builds(
        Conversation,
        st.none() | st.text(),
        st.lists(MESSAGES, max_size=4).map(tuple),
        st.none(),
        st.lists(st.builds(Tool, st.text(), st.none() | st.text(), JSON), max_size=2).map(tuple),
    ),
    st.integers(0, 2**62),
    st.none() | st.integers(0, 2**62),
)
def test_the_parts_add_up_to_the_input(conversation: Conversation, count: int, media: int | None) -> None:
    """The parts of the context add up to the input tokens."""
    seen = context_of(conversation, tokens(count), media)
    if seen is not None:
        parts = [value for value in seen.values() if isinstance(value, int)]
        assert len(parts) == 6
        assert sum(parts) == count
        assert min(parts) >= 0


def test_all_of_a_session_is_new() -> None:
    """No turn of it was sent in another one."""
    prompt = (Message("user", (Text("abcd"),)), Message("model", (Text("efgh"),)), Message("user", (Text("ijkl"),)))
    seen = context_of(Conversation(None, prompt, None, is_session=True), tokens(6), None)
    assert seen is not None
    assert (seen["history"], seen["new"]) == (0, 6)


def test_cached_content_is_history() -> None:
    """It is not in the request, and the API counts it."""
    prompt = (Message("user", (Text("abcd"),)),)
    counted: Tokens = {**tokens(3520), "cached": 3512}
    seen = context_of(Conversation(None, prompt, None, cache="cachedContents/abc"), counted, None)
    assert seen == {"system": 0, "tools": 0, "media": 0, "results": 0, "history": 3512, "new": 8}
    resent = context_of(Conversation(None, prompt, None), counted, None)
    assert resent is not None
    assert resent["new"] == 3520
