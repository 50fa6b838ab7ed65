"""`docker compose -f compose.cluster.yaml up`: two Gemtaps behind one address, and three members of MongoDB."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest

from tests.containers.engine import Compose
from tests.e2e.running_gemtap import eventually
from tests.ports import free_port

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1500)]

GENERATE: Final = "/v1beta/models/gemini-2.5-flash:generateContent"
STORE: Final = "mongodb://mongo-1,mongo-2,mongo-3/gemtap?replicaSet=gemtap"
AT_ONCE: Final = 6
ASKED: Final = 300
PUBLISHED_EVERY: Final = 1.0
"""Seconds after which one Gemtap knows what the other has let through (docs/limits.md)."""


@pytest.fixture(scope="module")
def cluster(engine: dict[str, str]) -> Iterator[Compose]:
    cluster = Compose(engine, "compose.cluster.yaml", free_port(), free_port())
    cluster("down", "--volumes", "--timeout", "10")
    try:
        cluster("up", "--build", "--detach", "--wait")
        yield cluster
    finally:
        print(cluster("logs", "--no-color", "--tail", "40", "gemtap-1", "gemtap-2", "front"))
        cluster("down", "--volumes", "--timeout", "10")


@pytest.fixture(scope="module")
def key(cluster: Compose) -> str:
    """The access key of a user, made at one Gemtap and known to both.

    Without keys Gemtap answers everyone, so that an answer alone does not say that a Gemtap has the first key: it has
    it when it refuses another one.
    """
    made = new_key(cluster, "ana")
    wait_for_both(cluster, "gt_nobody", 401)
    return made


def new_key(cluster: Compose, name: str) -> str:
    printed = cluster("exec", "-T", "gemtap-1", "gemtap", "keys", "add", name)
    made = next(word for word in printed.split() if word.startswith("gt_"))
    wait_for_both(cluster, made, 200)
    return made


def wait_for_both(cluster: Compose, key: str, status: int) -> None:
    """Wait until each of two requests in turn, which go to one Gemtap each, is answered with this status."""
    eventually(lambda: {ask(cluster, key, "Ready?")[0] for _ in range(4)} == {status} or None, patience=60)


def ask(cluster: Compose, key: str, *texts: str) -> tuple[int, str | None]:
    """One exchange through the front: status and id. The texts are a conversation's, the user's first.

    Raises OSError or HTTPException if the answer breaks off.
    """
    roles = ("user", "model")
    contents = [{"role": roles[number % 2], "parts": [{"text": text}]} for number, text in enumerate(texts)]
    request = urllib.request.Request(
        f"http://127.0.0.1:{cluster.port}{GENERATE}",
        json.dumps({"contents": contents}).encode(),
        {"Content-Type": "application/json", "x-goog-api-key": key},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.read()
            return answer.status, answer.headers["x-gemtap-id"]
    except urllib.error.HTTPError as exc:
        return exc.code, exc.headers["x-gemtap-id"]


def stored(cluster: Compose, ids: list[str | None]) -> list[Any]:
    """Outcome, user and thread of the interactions with these ids, read by a member that has lived through it all."""
    script = (
        f"EJSON.stringify(db.gemini_interactions.find({{_id: {{$in: {json.dumps(ids)}.map(ObjectId)}}}},"
        " {outcome: 1, thread: 1, 'client.user': 1}).toArray(), {relaxed: true})"
    )
    return list(json.loads(cluster("exec", "-T", "mongo-3", "mongosh", "--quiet", STORE, "--eval", script)))


def test_keys_are_shared(cluster: Compose, key: str) -> None:
    """What is made at one Gemtap holds at the other, and so does what is revoked."""
    assert ask(cluster, "gt_nobody", "Hello?")[0] == 401
    other = new_key(cluster, "bob")
    cluster("exec", "-T", "gemtap-2", "gemtap", "keys", "revoke", "bob")
    wait_for_both(cluster, other, 401)
    assert ask(cluster, key, "Still here?")[0] == 200


def test_a_conversation_over_both_is_one_thread(cluster: Compose, key: str) -> None:
    """Turns that reach either Gemtap in turn are joined by the recorder that comes second."""
    said = ["Name three rivers of the north."]
    ids = []
    for turn in range(6):
        status, id_ = ask(cluster, key, *said)
        assert status == 200
        ids.append(id_)
        said += [f"Answer {turn}.", f"And {turn + 1} more?"]
    found = eventually(lambda: done if len(done := stored(cluster, ids)) == len(ids) else None, patience=60)
    assert {each["client"]["user"] for each in found} == {"ana"}
    assert len({each["thread"]["id"]["$oid"] for each in found}) == 1


def test_a_budget_is_shared(cluster: Compose, key: str) -> None:
    """Each Gemtap counts what the other has let through, once it has been published."""
    name = "carl"
    his = new_key(cluster, name)
    cluster("exec", "-T", "gemtap-2", "gemtap", "limits", "set", name, "--requests", "4/day")
    wait_for_limits(cluster)
    statuses = []
    for number in range(8):
        statuses.append(ask(cluster, his, f"Paid {number}?")[0])
        time.sleep(2 * PUBLISHED_EVERY)
    assert statuses == [200] * 4 + [429] * 4
    assert ask(cluster, key, "Free?")[0] == 200


def wait_for_limits(cluster: Compose) -> None:
    """Wait until both Gemtaps have the limits that were set."""

    def found() -> bool | None:
        lists = (cluster("exec", "-T", each, "cat", "/data/limits.json") for each in ("gemtap-1", "gemtap-2"))
        return all("carl" in each for each in lists) or None

    eventually(found, patience=60)


def test_a_tap_and_the_primary_die_under_load(cluster: Compose, key: str) -> None:
    """The clients of the other Gemtap notice nothing, and what was answered is stored once."""
    answered: list[str | None] = []
    broken: list[str] = []
    count = threading.Semaphore(0)

    def one(number: int) -> None:
        try:
            status, id_ = ask(cluster, key, f"Question {number}")
        except (OSError, http.client.HTTPException) as exc:
            broken.append(repr(exc))
        else:
            answered.append(id_) if status == 200 else broken.append(str(status))
        finally:
            count.release()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number in range(ASKED):
            pool.submit(one, number)
        for kill in ("gemtap-2", "mongo-1"):
            for _ in range(ASKED // 3):
                count.acquire()
            cluster.kill(kill)
    # What was in flight at the killed Gemtap, and nothing else.
    assert len(broken) <= AT_ONCE, broken
    found = eventually(lambda: done if len(done := stored(cluster, answered)) == len(answered) else None, patience=120)
    assert {each["outcome"] for each in found} == {"complete"}
    wait_for_both(cluster, key, 200)
    assert int(cluster.inspect("gemtap-2", "{{.RestartCount}}")) >= 1
