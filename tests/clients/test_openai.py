"""OpenAI's SDKs see the same through Gemtap as without it, and what they did is stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.clients.recorded import Stored, documents, stored, text_of
from tests.clients.running_client import js_client, python_client, see
from tests.clients.sdks import installed, pinned
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi

pytestmark = pytest.mark.clients

CHAT = Stored("openai.chat.completions", "gpt-5")
RESPONSE = Stored("openai.responses", "gpt-5")

CALLS: Mapping[str, Sequence[Stored]] = {
    "chat": [CHAT],
    "chat_bytes": [CHAT],
    "chat_stream": [CHAT],
    "chat_with_a_call": [CHAT] * 2,
    "picture": [CHAT],
    "respond": [RESPONSE] * 2,
    "respond_stream": [RESPONSE],
    "background": [RESPONSE, *[Stored("openai.responses.get")] * 3],
    "background_cancelled": [RESPONSE, Stored("openai.responses.cancel")],
    "background_resumed": [
        RESPONSE._replace(outcome="client_disconnected"),
        Stored("openai.responses.get"),
    ],
    "conversation": [
        Stored("openai.conversations.create"),
        *[RESPONSE] * 2,
        Stored("openai.conversations.items.list"),
        Stored("openai.conversations.delete"),
    ],
    "batch": [
        Stored("openai.files.create"),
        *[Stored("openai.batches.create")] * 2,
        *[Stored("openai.batches.get")] * 2,
        *[Stored("openai.files.content")] * 2,
        Stored("openai.batches.cancel"),
    ],
    "embed": [Stored("openai.embeddings", "text-embedding-3-small")],
    "files": [Stored("openai.files.create"), Stored("openai.files.get")],
    "list_models": [Stored("openai.models.list")],
    "an_error": [Stored("openai.chat.completions", "error-429", 429)],
    "cancelled": [Stored("openai.chat.completions", "fault-stall", 200, "client_disconnected")],
}
"""What each task leaves behind, call by call."""

BOTH_SOUNDS: Mapping[str, Sequence[Stored]] = {
    "sound": [
        Stored("openai.audio.speech", "gpt-4o-mini-tts"),
        Stored("openai.audio.transcriptions", "gpt-4o-transcribe"),
    ]
}
REALTIME: Mapping[str, Sequence[Stored]] = {"realtime": [Stored("openai.realtime", "gpt-realtime", 101)]}


@dataclass(frozen=True)
class Client:
    """One SDK in one version."""

    name: str
    command: Callable[[], list[str]]
    called: tuple[str, str]
    """Its name and version in what is stored."""
    calls: Mapping[str, Sequence[Stored]]


def _python(name: str) -> Client:
    called = ("openai-python", pinned(name, "openai"))
    command = lambda: python_client(name, "use_openai_api.py")  # noqa: E731
    return Client(f"{name}-python", command, called, {**CALLS, **BOTH_SOUNDS, **REALTIME})


def _javascript(name: str) -> Client:
    return Client(f"{name}-js", lambda: js_client("use_openai.mjs", name), ("openai-js", installed(name)), CALLS)


CLIENTS = [_python("openai"), _python("openai-2"), _javascript("openai-5"), _javascript("openai-6")]


@dataclass(frozen=True)
class Session:
    """All that an SDK did, once with Gemtap and once without."""

    client: Client
    direct: dict[str, Any]
    tapped: dict[str, Any]
    documents: list[Any]

    def of(self, task: str) -> list[Any]:
        """What one task left behind."""
        tasks = [name for name, calls in self.client.calls.items() for _ in calls]
        return [each for name, each in zip(tasks, self.documents, strict=True) if name == task]


@pytest.fixture(scope="module", params=CLIENTS, ids=lambda client: client.name)
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    client: Client = request.param
    seen = []
    for folder in ("direct", "tapped"):
        # Each has a memory of its own: files are numbered.
        api = SimulatedApi("--pace", "0.01", "--provider", "openai")
        if folder == "direct":
            seen.append(see(client.command(), f"{api.origin}/v1", *client.calls))
            api.stop()
            continue
        gemtap = RunningGemtap(tmp_path_factory.mktemp(client.name), api.origin, f"--upstream=openai={api.origin}")
        try:
            # Both forms of base URLs lead to the same upstream.
            version = "" if client.name.startswith("openai-5") else "/v1"
            seen.append(see(client.command(), f"{gemtap.origin}/openai{version}", *client.calls))
            direct, tapped = seen
            yield Session(client, direct, tapped, documents(gemtap, sum(map(len, client.calls.values()))))
        finally:
            gemtap.close()
            api.stop()


def test_it_sees_the_same_through_gemtap(session: Session) -> None:
    """An SDK gets the same results through Gemtap as directly, byte for byte in `chat_bytes`."""
    assert session.tapped == session.direct
    assert list(session.tapped) == list(session.client.calls)


def test_every_call_is_stored(session: Session) -> None:
    """With its operation, model, status and outcome."""
    assert [stored(each) for each in session.documents] == [
        call for calls in session.client.calls.values() for call in calls
    ]
    assert {each["provider"] for each in session.documents} == {"openai"}


def test_the_client_is_known_by_name_and_version(session: Session) -> None:
    """The SDK says who it is; for a session its WebSocket library may."""
    clients = {
        (each["client"]["name"], each["client"]["version"])
        for each in session.documents
        if each["response"]["status"] != 101
    }
    assert clients == {session.client.called}


def test_streams_are_stored_as_the_answers_that_were_seen(session: Session) -> None:
    """Chunks add up to a completion, and the last event of a response is its body."""
    (chat,) = session.of("chat_stream")
    seen = session.tapped["chat_stream"]
    text = "".join(choice["delta"].get("content") or "" for chunk in seen for choice in chunk["choices"])
    assert text_of(chat["response"]["body"]) == text != ""
    assert chat["tokens"]["total"] == seen[-1]["usage"]["total_tokens"]
    (response,) = session.of("respond_stream")
    last = session.tapped["respond_stream"][-1]["response"]
    assert response["response"]["body"]["output"][-1]["content"][0]["text"] == last["output"][-1]["content"][0]["text"]
    assert response["tokens"]["reasoning"] > 0


def test_turns_are_one_thread(session: Session) -> None:
    """Chats are linked by their messages, responses by the id of the one before."""
    for task in ("chat_with_a_call", "respond", "conversation", "background_resumed"):
        first, second = (each for each in session.of(task) if each["thread"] is not None)
        assert second["thread"]["id"] == first["thread"]["id"]
        assert second["thread"]["turn"] == 2


def test_what_runs_in_the_background_is_counted_once(session: Session) -> None:
    """By the look-up that sees the end, also where that is the rest of a stream; one that was cancelled has nothing."""
    used = [each["tokens"]["total"] for each in session.of("background")]
    assert [total is not None for total in used] == [False, False, True, False]
    begun, rest = session.of("background_resumed")
    assert begun["tokens"]["total"] is None
    assert rest["tokens"]["total"] == session.tapped["background_resumed"][1][-1]["response"]["usage"]["total_tokens"]
    assert [each["tokens"]["total"] for each in session.of("background_cancelled")] == [None, None]


def test_a_batch_is_counted_once_when_its_results_come(session: Session) -> None:
    """Each line at half the price; a second download counts nothing."""
    first, again = (each for each in session.of("batch") if each["operation"] == "openai.files.content")
    lines = [json.loads(line)["response"]["body"] for line in session.tapped["batch"][3].splitlines()]
    assert first["tokens"]["total"] == sum(line["usage"]["total_tokens"] for line in lines)
    (chat,) = session.of("chat_bytes")
    assert first["cost"]["usd"] == pytest.approx(len(lines) * chat["cost"]["usd"] / 2)
    assert (again["tokens"]["total"], again["cost"]) == (None, None)


def test_an_error_is_stored_with_its_message(session: Session) -> None:
    """As the API words it."""
    (document,) = session.of("an_error")
    assert document["error"]["message"].startswith("Rate limit reached")


def test_no_key_is_stored(session: Session) -> None:
    """It is replaced by a fingerprint before anything is written."""
    assert "sk-proj-Canary" not in json.dumps(session.documents)


def test_a_realtime_session_is_stored(session: Session) -> None:
    """With its items and the usage of its responses."""
    if "realtime" not in session.client.calls:
        return
    (document,) = session.of("realtime")
    items = document["response"]["body"]["items"]
    assert [item["role"] for item in items] == ["user", "assistant"]
    done = session.tapped["realtime"][-1]["response"]
    assert items[1]["content"][0]["transcript"] == done["output"][0]["content"][0]["transcript"]
    assert document["tokens"]["total"] == done["usage"]["total_tokens"]
