"""What lists show of an exchange."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.conversation.preview import MAX_LENGTH, shorten
from gemtap.dialects.gemini_content.preview import read_preview
from tests.unit.providers.exchanges import call, candidate, text


def prompt(request: Any) -> str | None:
    return read_preview(request, None)["prompt"]


def answer(response: Any) -> str | None:
    return read_preview(None, response)["answer"]


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts)}


MODEL = {"role": "model", "parts": [text("Because of Rayleigh.")]}
RESULT = {"functionResponse": {"name": "get_weather", "response": {"sky": "blue"}}}


def test_the_prompt_is_the_last_that_was_said_to_the_model() -> None:
    """The preview shows the last message to the model."""
    contents = [user(text("Hello")), MODEL, user(text("Why is"), text("the sky\n  blue?")), MODEL]
    assert prompt({"contents": contents}) == "Why is the sky blue?"


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        ([RESULT, {"function_response": {}}], "⟵ get_weather, ⟵ result"),
        ([{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}], "[image/png]"),
        ([{"file_data": {"mime_type": "video/mp4"}}, {"fileData": {}}], "[video/mp4], [file]"),
        ([RESULT, text("and now?")], "and now?"),
    ],
)
def test_a_prompt_without_words_is_shown_by_what_it_holds(parts: list[Any], shown: str) -> None:
    """A prompt without text is described by its content."""
    assert prompt({"contents": [user(text("before")), user(*parts)]}) == shown


def test_a_content_that_shows_nothing_is_passed_over() -> None:
    """Contents without anything to show are skipped."""
    empty = [user(text(" \n")), user({"thoughtSignature": "c2ln"}), user(), None]
    assert prompt({"contents": [user(text("Why?")), *empty]}) == "Why?"


@pytest.mark.parametrize(
    "request_body",
    [
        {"generateContentRequest": {"contents": [user(text("count me"))]}},
        {"content": {"parts": [text("count me")]}},
        {"requests": [{"content": {"parts": [text("first")]}}, {"content": {"parts": [text("count me")]}}]},
    ],
)
def test_counting_and_embedding_have_prompts_too(request_body: Any) -> None:
    """Token counts and embeddings have prompts."""
    assert prompt(request_body) == "count me"


@pytest.mark.parametrize("request_body", [None, [], {}, {"contents": 7}, {"contents": [MODEL]}])
def test_no_prompt_is_none(request_body: Any) -> None:
    """The preview of a missing prompt is None."""
    assert prompt(request_body) is None


def test_the_answer_is_its_first_line_without_thoughts() -> None:
    """The preview of an answer is its first line, without thoughts."""
    parts = [text("Let me think.", thought=True), text("\n\nIt is "), text("so.\nAnd more."), call("look")]
    assert answer(candidate(*parts)) == "It is so."


def test_an_answer_without_words_is_its_calls() -> None:
    """The preview of an answer without text shows its calls."""
    parts = [call("get_weather", city="Boston", days=3, on=None, near=[1], deep={"a": 1}), call("stop")]
    assert answer(candidate(*parts)) == 'get_weather(city="Boston", days=3, on=null, near=[…], deep={…}), stop()'


def test_long_arguments_are_cut() -> None:
    """Long arguments are truncated."""
    shown = answer(candidate(call("write", text='say "' + "a" * 500)))
    assert shown is not None
    assert shown.startswith(r'write(text="say \"aaa')
    assert shown.endswith('…")')
    assert len(shown) < 100


@pytest.mark.parametrize(
    "response",
    [None, [], {}, {"candidates": [None]}, candidate(), candidate(text(" "))],
)
def test_no_answer_is_none(response: Any) -> None:
    """The preview of a missing answer is None."""
    assert answer(response) is None


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("", ""),
        ("  a \n\t b ", "a b"),
        ("x" * MAX_LENGTH, "x" * MAX_LENGTH),
        ("x" * (MAX_LENGTH + 1), "x" * (MAX_LENGTH - 1) + "…"),
        ("x" * (MAX_LENGTH - 2) + " " + "y" * 9, "x" * (MAX_LENGTH - 2) + "…"),
        (" " * 10_000 + "late", "late"),
    ],
)
def test_a_text_is_cut_to_one_short_line(words: str, shown: str) -> None:
    """A preview is one short line."""
    assert shorten(words) == shown
