"""`docker compose up` and nothing else, with a real engine."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.containers.engine import Compose
from tests.e2e.running_gemtap import eventually
from tests.ports import free_port

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1500)]

GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"
STREAM = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"


@pytest.fixture(scope="module")
def compose(engine: dict[str, str]) -> Iterator[Compose]:
    compose = Compose(engine, "compose.yaml", free_port(), free_port())
    # A run that was killed leaves its volumes behind.
    compose("down", "--volumes", "--timeout", "10")
    try:
        compose("up", "--build", "--detach", "--wait")
        yield compose
    finally:
        print(compose("logs", "--no-color", "--tail", "60", "gemtap"))
        compose("down", "--volumes", "--timeout", "10")


def ask(compose: Compose, text: str, path: str = GENERATE) -> str:
    """One exchange through the published port; its id."""
    body = json.dumps({"contents": [{"role": "user", "parts": [{"text": text}]}]}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{compose.port}{path}",
        body,
        {"Content-Type": "application/json", "x-goog-api-key": "AIzaAnything"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.read()
        id_: str = answer.headers["x-gemtap-id"]
        return id_


def recorded(compose: Compose, id_: str) -> Any:
    """The interaction as the dashboard's API gives it, as soon as it is recorded."""

    def find() -> Any:
        try:
            url = f"http://127.0.0.1:{compose.dashboard_port}/api/interactions/{id_}"
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError:
            return None

    return eventually(find, patience=120)


def mongosh(compose: Compose, script: str) -> Any:
    return json.loads(compose("exec", "-T", "mongo", "mongosh", "--quiet", "gemtap", "--eval", script))


def test_an_exchange_is_in_mongodb(compose: Compose) -> None:
    """An exchange through the container is stored in MongoDB."""
    id_ = ask(compose, "Why is the sky blue?")
    assert recorded(compose, id_)["outcome"] == "complete"
    found = mongosh(compose, f"EJSON.stringify(db.gemini_interactions.findOne({{_id: ObjectId('{id_}')}}))")
    assert found["request"]["body"]["contents"][0]["parts"][0]["text"] == "Why is the sky blue?"
    assert found["response"]["body"]["candidates"]
    assert found["usage_metadata"]["totalTokenCount"] > 0


def test_the_container_may_do_little(compose: Compose) -> None:
    """The container runs without root on a read-only file system, with ports on loopback only."""
    assert compose("exec", "-T", "gemtap", "id", "-u").strip() == "10001"
    assert compose.inspect("gemtap", "{{.HostConfig.ReadonlyRootfs}}") == "true"
    ports = json.loads(compose.inspect("gemtap", "{{json .HostConfig.PortBindings}}"))
    assert {binding["HostIp"] for bindings in ports.values() for binding in bindings} == {"127.0.0.1"}
    assert compose.inspect("mongo", "{{json .HostConfig.PortBindings}}") == "{}"
    assert eventually(lambda: compose.inspect("gemtap", "{{.State.Health.Status}}") == "healthy" or None)


def test_what_was_recorded_is_there_after_down_and_up(compose: Compose) -> None:
    """Recorded interactions survive `compose down` and `up`."""
    id_ = ask(compose, "Are you there later?")
    recorded(compose, id_)
    compose("down")
    compose("up", "--detach", "--wait")
    assert recorded(compose, id_)["request"]["body"]["contents"][0]["parts"][0]["text"] == "Are you there later?"


def test_mongodb_may_stop_during_traffic(compose: Compose) -> None:
    """The clients do not notice, and nothing is missing afterwards."""
    before = [ask(compose, f"before {n}") for n in range(5)]
    compose("stop", "mongo")
    during = [ask(compose, f"during {n}") for n in range(20)]
    compose("start", "mongo")
    after = [ask(compose, f"after {n}") for n in range(5)]
    for id_ in (*before, *during, *after):
        assert recorded(compose, id_)["outcome"] == "complete"
    count = mongosh(compose, "JSON.stringify(db.gemini_interactions.countDocuments({'request.body.contents.parts.text':"
        " /^(before|during|after) /}))")  # fmt: skip
    assert count == 30


class Streaming:
    """A client in the middle of a streamed answer."""

    def __init__(self, compose: Compose) -> None:
        body = b'{"contents":[{"parts":[{"text":"A long story"}]}]}'
        self._answer = urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{compose.port}{STREAM}", body, {"x-goog-api-key": "AIzaAny"}),
            timeout=60,
        )
        self.id: str = self._answer.headers["x-gemtap-id"]
        assert self._answer.readline().startswith(b"data: ")

    def finish(self) -> bool:
        """Read to the end, and say whether the answer is whole."""
        with self._answer:
            try:
                return b'"finishReason":"STOP"' in self._answer.read().replace(b" ", b"")
            except (OSError, http.client.HTTPException):
                return False


def test_kill_9_of_the_container_loses_nothing(compose: Compose) -> None:
    """It is started again by itself, and records what was under way as interrupted."""
    whole = [ask(compose, f"whole {n}") for n in range(5)]
    client = Streaming(compose)
    compose.kill("gemtap")
    assert not client.finish()
    eventually(lambda: ask(compose, "Back again?"), patience=120)
    for id_ in whole:
        assert recorded(compose, id_)["outcome"] == "complete"
    assert recorded(compose, client.id)["outcome"] == "interrupted"
    assert int(compose.inspect("gemtap", "{{.RestartCount}}")) >= 1


def test_stopping_the_container_lets_an_answer_finish(compose: Compose) -> None:
    """Stopping the container lets a running response finish."""
    client = Streaming(compose)
    stopping = threading.Thread(target=compose, args=("stop", "gemtap"))
    stopping.start()
    assert client.finish()
    stopping.join(120)
    compose("start", "gemtap")
    assert recorded(compose, client.id)["outcome"] == "complete"
