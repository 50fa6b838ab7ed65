"""Anthropic's SDKs and Claude Code see the same through Gemtap as without it, and what they did is stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clients.recorded import Stored, documents, documents_until, stored
from tests.clients.running_client import MODULES, js_client, python_client, run, see
from tests.clients.sdks import installed, pinned
from tests.clients.setup_lines import exported, setup_lines
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi

pytestmark = pytest.mark.clients

MODEL = "claude-sonnet-4-6"
MESSAGE = Stored("messages.create", MODEL)

CALLS: Mapping[str, Sequence[Stored]] = {
    "generate": [MESSAGE],
    "bytes_of_a_stream": [MESSAGE],
    "stream": [MESSAGE],
    "think": [MESSAGE],
    "chat_with_a_call": [MESSAGE] * 2,
    "a_turn_that_pauses": [MESSAGE._replace(model="fault-pause"), *[MESSAGE] * 2],
    "a_batch": [
        Stored("messages.batches.create"),
        Stored("messages.batches.get"),
        *[Stored("messages.batches.results")] * 2,
        Stored("messages.batches.get"),  # for the address of the results, which is the API's own
        Stored("messages.batches.list"),
        Stored("messages.batches.cancel"),
        Stored("messages.batches.delete"),
    ],
    "an_image": [MESSAGE],
    "count_tokens": [Stored("messages.count_tokens", MODEL)],
    "list_models": [Stored("models.list")],
    "an_error": [Stored("messages.create", "error-529", 529)],
    "an_error_in_a_stream": [Stored("messages.create", "fault-midstream-error")],
    "a_cancelled_stream": [Stored("messages.create", "fault-stall", 200, "client_disconnected")],
}
"""What each task leaves behind, call by call."""


@dataclass(frozen=True)
class Client:
    """One SDK in one version."""

    name: str
    command: Callable[[], list[str]]
    called: tuple[str, str]
    """Its name and version in what is stored."""


def _python(name: str) -> Client:
    version = pinned(name, "anthropic")
    return Client(f"{name}-python", lambda: python_client(name, "use_anthropic.py"), ("anthropic-python", version))


def _javascript(name: str) -> Client:
    return Client(f"{name}-js", lambda: js_client("use_anthropic.mjs", name), ("anthropic-js", installed(name)))


CLIENTS = [_python("anthropic"), _python("anthropic-1"), _javascript("anthropic-0"), _javascript("anthropic-1")]


@dataclass(frozen=True)
class Session:
    """All that an SDK did, once with Gemtap and once without."""

    client: Client
    direct: dict[str, Any]
    tapped: dict[str, Any]
    documents: list[Any]

    def of(self, task: str) -> list[Any]:
        """What one task left behind."""
        tasks = [name for name, calls in CALLS.items() for _ in calls]
        return [each for name, each in zip(tasks, self.documents, strict=True) if name == task]


@pytest.fixture(scope="module")
def api() -> Iterator[SimulatedApi]:
    """The simulated API of Anthropic."""
    api = SimulatedApi("--pace", "0.01", "--provider", "anthropic")
    yield api
    api.stop()


@pytest.fixture(scope="module", params=CLIENTS, ids=lambda client: client.name)
def session(
    request: pytest.FixtureRequest, api: SimulatedApi, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    client: Client = request.param
    gemtap = RunningGemtap(tmp_path_factory.mktemp(client.name), api.origin, f"--upstream=anthropic={api.origin}")
    try:
        origins = (api.origin, f"{gemtap.origin}/anthropic")
        direct, tapped = (see(client.command(), origin, *CALLS) for origin in origins)
        yield Session(client, direct, tapped, documents(gemtap, sum(map(len, CALLS.values()))))
    finally:
        gemtap.close()


def test_it_sees_the_same_through_gemtap(session: Session) -> None:
    """An SDK gets the same results through Gemtap as directly, byte for byte in `bytes_of_a_stream`."""
    assert session.tapped == session.direct
    assert list(session.tapped) == list(CALLS)


def test_every_call_is_stored(session: Session) -> None:
    """With its operation, model, status and outcome."""
    assert [stored(each) for each in session.documents] == [call for calls in CALLS.values() for call in calls]
    assert {each["provider"] for each in session.documents} == {"anthropic"}


def test_the_client_is_known_by_name_and_version(session: Session) -> None:
    """The SDK says who it is."""
    clients = {(each["client"]["name"], each["client"]["version"]) for each in session.documents}
    assert clients == {session.client.called}


def test_streams_are_stored_as_the_messages_that_were_seen(session: Session) -> None:
    """Events add up to the message that the SDK puts together, thinking and signature included."""
    (document,) = session.of("stream")
    pieces, message = session.tapped["stream"]
    assert document["response"]["body"]["content"][0]["text"] == "".join(pieces) == message["content"][0]["text"]
    assert document["tokens"]["output"] == message["usage"]["output_tokens"]
    (document,) = session.of("think")
    thinking, _ = document["response"]["body"]["content"]
    assert thinking["signature"]
    assert document["tokens"]["reasoning"] > 0
    assert document["cost"]["usd"] > 0


def test_turns_are_one_thread(session: Session) -> None:
    """A call and its result, by the messages."""
    first, second = session.of("chat_with_a_call")
    assert second["thread"] == {**second["thread"], "id": first["thread"]["id"], "turn": 2, "new_messages": 1}


def test_a_turn_that_pauses_goes_on_in_its_thread(session: Session) -> None:
    """The client sends the beginning of the answer back, and then both halves as one."""
    paused, rest, further = session.of("a_turn_that_pauses")
    assert (paused["finish_reason"], paused["error"]) == ("pause_turn", None)
    assert [each["thread"]["turn"] for each in (paused, rest, further)] == [1, 2, 3]
    assert {each["thread"]["id"] for each in (rest, further)} == {paused["thread"]["id"]}


def test_a_batch_is_counted_once_when_its_results_come(session: Session) -> None:
    """Each line at half the price; a second download counts nothing."""
    first, again = (each for each in session.of("a_batch") if each["operation"] == "messages.batches.results")
    lines = [json.loads(line)["result"]["message"] for line in session.tapped["a_batch"][3].splitlines()]
    assert first["tokens"]["output"] == sum(line["usage"]["output_tokens"] for line in lines) > 0
    (message,) = session.of("generate")
    assert first["cost"]["usd"] == pytest.approx(len(lines) * message["cost"]["usd"] / 2)
    assert (again["tokens"]["total"], again["cost"]) == (None, None)


def test_errors_are_stored_with_their_messages(session: Session) -> None:
    """Also one in the middle of a stream."""
    found = [*session.of("an_error"), *session.of("an_error_in_a_stream")]
    assert [document["error"]["message"] for document in found] == ["Overloaded"] * 2


def test_no_key_is_stored(session: Session) -> None:
    """It is replaced by a fingerprint before anything is written."""
    assert "sk-ant-api03" not in json.dumps(session.documents)


def test_claude_code_works_through_gemtap(api: SimulatedApi, tmp_path: Path) -> None:
    """With the lines of `gemtap setup`, in print mode: a second prompt continues the first, and no key is stored."""
    gemtap = RunningGemtap(tmp_path, api.origin, f"--upstream=anthropic={api.origin}")
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    lines = setup_lines(gemtap, "claude-code")
    assert lines[-1] == "claude"
    environment = {
        "HOME": str(home),
        **exported(lines),
        "ANTHROPIC_API_KEY": "sk-ant-api03-canary",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    command = ["node", str(MODULES / "@anthropic-ai" / "claude-code" / "cli-wrapper.cjs"), "--output-format", "json"]
    try:
        first = json.loads(run([*command, "-p", "Why is the sky blue?"], environment, work))
        second = json.loads(run([*command, "-p", "--continue", "And at night?"], environment, work))
        found = documents_until(gemtap, "messages.create", 2)
    finally:
        gemtap.close()
    assert (first["is_error"], second["is_error"]) == (False, False)
    one, other = _prompts(found)[-2:]
    assert {each["client"]["name"] for each in found} == {"Claude Code"}
    assert one["streaming"]
    assert one["response"]["body"]["content"][-1]["text"] == first["result"]
    assert other["thread"]["id"] == one["thread"]["id"]
    assert other["tokens"]["cached"] + other["tokens"]["cache_write"] > 1_000
    assert "sk-ant-api03" not in json.dumps(found)


def _prompts(found: list[Any]) -> list[Any]:
    """The exchanges of the conversation, without quota checks and titles."""
    return [each for each in found if each["operation"] == "messages.create" and each["request"]["body"].get("tools")]
