"""A session of the Live API as the JavaScript SDK opens it: seen by the client, the upstream and in the document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.e2e.running_gemtap import PATIENCE, RunningGemtap, SimulatedApi

LIVE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=AIzaSyCanary-0123456789"
SETUP = {"setup": {"model": "models/gemini-2.5-flash-live", "generationConfig": {"responseModalities": ["TEXT"]}}}
ASKED = {
    "clientContent": {
        "turns": [{"role": "user", "parts": [{"text": "Why is the sky blue?"}]}],
        "turnComplete": True,
    }
}


def spoken(origin: str, path: str) -> tuple[list[Any], str | None]:
    """The messages of the API in a session with one turn, and the id of the exchange."""
    messages = []
    with connect(origin.replace("http", "ws", 1) + path, open_timeout=PATIENCE) as client:
        assert client.response is not None
        for sent in (SETUP, ASKED):
            client.send(json.dumps(sent))
            while True:
                message = json.loads(client.recv(PATIENCE))
                messages.append(message)
                if "setupComplete" in message or message.get("serverContent", {}).get("turnComplete"):
                    break
        client.close(1000, "thanks")
        return messages, client.response.headers.get("x-gemtap-id")


@pytest.mark.parametrize("path", [LIVE, f"/{LIVE}", f"/gemini{LIVE}"])
def test_a_session_passes_unchanged_and_is_recorded_as_what_it_is(
    gemtap: RunningGemtap, api: SimulatedApi, path: str
) -> None:
    """A session passes unchanged and is recorded, also with the double slash from a base URL that ends with one."""
    direct, _ = spoken(api.origin, LIVE)
    tapped, id_ = spoken(gemtap.origin, path)
    assert tapped == direct
    assert id_ is not None
    document = gemtap.interaction(id_)
    assert (document["provider"], document["operation"]) == ("gemini", "bidiGenerateContent")
    assert (document["model"], document["outcome"]) == ("gemini-2.5-flash-live", "complete")
    assert [each["data"] for each in document["request"]["body"]["messages"]] == [SETUP, ASKED]
    assert [each["data"] for each in document["response"]["body"]["messages"]] == tapped
    assert document["tokens"]["total"] > 0
    assert "[redacted:" in document["request"]["query"]
    assert "Canary" not in json.dumps(document)


def test_a_session_that_the_api_refuses_ends_for_the_client_as_it_would_without(
    gemtap: RunningGemtap, api: SimulatedApi
) -> None:
    """If the API refuses a session, the client sees the same close code and reason as without Gemtap."""
    seen = []
    for origin in (api.origin, gemtap.origin):
        with connect(origin.replace("http", "ws", 1) + LIVE, open_timeout=PATIENCE) as client:
            client.send(json.dumps({"setup": {"model": "models/no-such-model"}}))
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(PATIENCE)
        assert closed.value.rcvd is not None
        seen.append((closed.value.rcvd.code, closed.value.rcvd.reason))
    assert seen[0] == seen[1]
    assert seen[0][0] == 1008
