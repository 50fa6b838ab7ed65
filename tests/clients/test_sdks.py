"""Every SDK sees the same through Gemtap as without it, and what it did is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.clients.recorded import documents, stored, text_of
from tests.clients.running_client import see
from tests.clients.sdks import GOOGLE_GENAI, OTHERS, Sdk
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi

pytestmark = pytest.mark.clients


@dataclass(frozen=True)
class Session:
    """All that an SDK did, once with Gemtap and once without."""

    sdk: Sdk
    direct: dict[str, Any]
    tapped: dict[str, Any]
    documents: list[Any]

    def of(self, task: str) -> list[Any]:
        """What one task left behind."""
        tasks = [name for name, calls in self.sdk.calls.items() for _ in calls]
        return [each for name, each in zip(tasks, self.documents, strict=True) if name == task]


@pytest.fixture(scope="module", params=[*GOOGLE_GENAI, *OTHERS], ids=lambda sdk: sdk.name)
def session(
    request: pytest.FixtureRequest, api: SimulatedApi, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    sdk: Sdk = request.param
    gemtap = RunningGemtap(tmp_path_factory.mktemp(sdk.name), api.origin)
    try:
        command = sdk.command()
        direct, tapped = (see(command, origin, *sdk.tasks) for origin in (api.origin, gemtap.origin))
        yield Session(sdk, direct, tapped, documents(gemtap, sum(map(len, sdk.calls.values()))))
    finally:
        gemtap.close()


def test_it_sees_the_same_through_gemtap(session: Session) -> None:
    """An SDK gets the same results through Gemtap as directly."""
    assert session.tapped == session.direct
    assert list(session.tapped) == session.sdk.tasks


def test_every_call_is_stored(session: Session) -> None:
    """Every call of an SDK is stored."""
    assert [stored(each) for each in session.documents] == [
        call for calls in session.sdk.calls.values() for call in calls
    ]


def test_the_client_is_known_by_name_and_version(session: Session) -> None:
    """The SDK's name and version are recognized."""
    # google-genai's chats call themselves 2.34.0+chat.
    clients = {(each["client"]["name"], each["client"]["version"].partition("+")[0]) for each in session.documents}
    assert clients == {(session.sdk.client, session.sdk.version)}


def test_a_stream_is_stored_as_the_answer_that_was_seen(session: Session) -> None:
    """The stored accumulated body equals the response that the SDK saw."""
    (document,) = session.of("stream")
    assert document["streaming"] is True
    assert text_of(document["response"]["body"]) == session.sdk.streamed_text(session.tapped["stream"]) != ""
    assert document["tokens"]["total"] > document["tokens"]["output"] > 0
    assert document["timing"]["chunks"] > 1


def test_a_call_and_its_result_are_stored(session: Session) -> None:
    """Function calls and their results are stored."""
    first, second = session.of("chat_with_a_call")
    assert '"weather"' in json.dumps(first["response"]["body"])
    assert '"sunny' in json.dumps(second["request"]["body"])


def test_an_error_is_stored_with_its_message(session: Session) -> None:
    """An error is stored with its message."""
    (document,) = session.of("an_error")
    assert document["error"]["message"]
