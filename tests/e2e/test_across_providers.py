"""A conversation that one client carries from Gemini to Anthropic to OpenAI, through a real Gemtap."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running_gemtap import PATIENCE, RunningGemtap, SimulatedApi

QUESTIONS = (
    "Why is the sky blue, and since when do we know?",
    "And why is it red in the evening?",
    "Thank you. Shorter?",
)


@pytest.fixture
def gemtap(tmp_path: Path) -> Iterator[RunningGemtap]:
    api = SimulatedApi()
    flags = [flag for name in ("anthropic", "openai") for flag in ("--upstream", f"{name}={api.origin}")]
    gemtap = RunningGemtap(tmp_path, api.origin, *flags)
    try:
        yield gemtap
    finally:
        gemtap.close()
        api.stop()


def ask(gemtap: RunningGemtap, path: str, body: Any, **headers: str) -> tuple[str, Any]:
    """The interaction's id and the answer."""
    given = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    request = urllib.request.Request(gemtap.origin + path, json.dumps(body).encode(), given)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return answer.headers["x-gemtap-id"], json.loads(answer.read())


def ask_gemini(gemtap: RunningGemtap, said: list[str]) -> tuple[str, str]:
    contents = [{"role": "model" if n % 2 else "user", "parts": [{"text": text}]} for n, text in enumerate(said)]
    path = "/v1beta/models/gemini-2.5-flash:generateContent"
    id_, answer = ask(gemtap, path, {"contents": contents}, x_goog_api_key="k")
    parts = answer["candidates"][0]["content"]["parts"]
    return id_, "".join(part["text"] for part in parts if not part.get("thought"))


def ask_claude(gemtap: RunningGemtap, said: list[str]) -> tuple[str, str]:
    messages = [
        {"role": "assistant" if n % 2 else "user", "content": [{"type": "text", "text": text}]}
        for n, text in enumerate(said)
    ]
    body = {"model": "claude-opus-4-8", "max_tokens": 999, "messages": messages}
    id_, answer = ask(gemtap, "/anthropic/v1/messages", body, x_api_key="k", anthropic_version="2023-06-01")
    return id_, "".join(block["text"] for block in answer["content"] if block["type"] == "text")


def ask_gpt(gemtap: RunningGemtap, said: list[str]) -> tuple[str, str]:
    messages = [{"role": "assistant" if n % 2 else "user", "content": text} for n, text in enumerate(said)]
    body = {"model": "gpt-5", "messages": [{"role": "developer", "content": "Be kind."}, *messages]}
    id_, answer = ask(gemtap, "/openai/v1/chat/completions", body, authorization="Bearer k")
    return id_, answer["choices"][0]["message"]["content"]


def test_it_is_one_thread(gemtap: RunningGemtap) -> None:
    """Its turns name their parents and new messages, the thread adds up all three, and its last turn has all words."""
    said: list[str] = []
    ids = []
    for question, ask_model in zip(QUESTIONS, (ask_gemini, ask_claude, ask_gpt), strict=True):
        said.append(question)
        id_, answer = ask_model(gemtap, said)
        assert answer
        said.append(answer)
        ids.append(id_)
        # The next one may come before this one is recorded: its place is the same then, at another time.
        gemtap.interaction(id_)
    documents = [gemtap.interaction(id_) for id_ in ids]
    assert [document["provider"] for document in documents] == ["gemini", "anthropic", "openai"]
    assert [document["thread"] for document in documents] == [
        {"id": ids[0], "turn": 1, "parent": None, "new_messages": 1},
        {"id": ids[0], "turn": 2, "parent": ids[0], "new_messages": 1},
        {"id": ids[0], "turn": 3, "parent": ids[1], "new_messages": 1},
    ]
    (thread,) = gemtap.api("threads")["items"]
    assert (thread["id"], thread["turns"]) == (ids[0], 3)
    assert thread["tokens"] == sum(document["tokens"]["total"] for document in documents)
    assert thread["cost"] == pytest.approx(sum(document["cost"]["usd"] for document in documents))
    page = gemtap.get(f"/threads/{ids[0]}")[1].decode()
    for document in documents:
        assert document["model"] in page
    exported = gemtap.get("/api/export/anthropic-messages")[1].decode()
    (line,) = map(json.loads, exported.splitlines())
    assert [message["content"] for message in line["messages"]] == said
