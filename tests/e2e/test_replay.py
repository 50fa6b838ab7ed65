"""Replays with a simulated API: while Gemtap runs, while it does not, and from the dashboard."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gemtap.providers.registry import INSTALLED
from tests.e2e.running_gemtap import PATIENCE, RunningGemtap, SimulatedApi
from tests.ports import free_port

KEY = "AIzaSecretOfTheReplay"
CALL = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse&key=AIzaSecretOfTheFirst"
BODY = {"contents": [{"role": "user", "parts": [{"text": "Why is the sky blue?"}]}]}


@pytest.fixture(scope="module")
def gemtap(api: SimulatedApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGemtap]:
    """A Gemtap with a key, which all tests share that do not stop it."""
    gemtap = RunningGemtap(tmp_path_factory.mktemp("replay"), api.origin, GEMINI_API_KEY=KEY)
    yield gemtap
    gemtap.close()


@pytest.fixture
def own_gemtap(api: SimulatedApi, tmp_path: Path) -> Iterator[RunningGemtap]:
    """The same for one test, which stops it."""
    gemtap = RunningGemtap(tmp_path, api.origin, GEMINI_API_KEY=KEY)
    yield gemtap
    gemtap.close()


def record(gemtap: RunningGemtap) -> dict[str, Any]:
    """Record an interaction as a client would."""
    request = urllib.request.Request(
        gemtap.origin + CALL, json.dumps(BODY, indent=1).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        answer.read()
        id_ = answer.headers["x-gemtap-id"]
    document: dict[str, Any] = gemtap.interaction(id_)
    return document


def replay(gemtap: RunningGemtap, *arguments: str, key: str = KEY) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gemtap", "replay", *arguments],
        env=os.environ | gemtap.environment | {"GEMINI_API_KEY": key},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_it_is_sent_recorded_and_shown(gemtap: RunningGemtap) -> None:
    """A replay sends the same body, prints the response and links to the original."""
    old = record(gemtap)
    done = replay(gemtap, old["id"])
    assert done.returncode == 0, done.stderr
    new = gemtap.interaction(done.stderr.split()[0])
    assert done.stdout == answer_of(new) + "\n"
    assert new["replay_of"] == old["id"]
    assert "replay_of" not in old
    assert new["request"]["body"] == old["request"]["body"] == BODY
    assert gemtap.bytes_of(new["id"], "request") == gemtap.bytes_of(old["id"], "request")
    assert (new["outcome"], new["response"]["status"], new["streaming"]) == ("complete", 200, True)
    assert new["tokens"]["total"] > 0
    assert "Secret" not in json.dumps([old, new])
    assert new["client"]["key"] not in (None, old["client"]["key"])
    found = gemtap.api(f"interactions?q=replay_of:{old['id']}")["items"]
    assert [item["id"] for item in found] == [new["id"]]


def answer_of(document: dict[str, Any]) -> str:
    parts = document["response"]["body"]["candidates"][0]["content"]["parts"]
    return "".join(part.get("text", "") for part in parts if not part.get("thought"))


def test_changes_and_the_two_side_by_side(gemtap: RunningGemtap) -> None:
    """`--model` and `--set` change the request; `--diff` compares both responses."""
    old = record(gemtap)
    changes = ("--model", "gemini-2.5-pro", "--set", "generationConfig.temperature=0")
    done = replay(gemtap, old["id"], *changes, "--json")
    new = json.loads(done.stdout)
    assert new["model"] == "gemini-2.5-pro"
    assert new["generation_settings"] == {"temperature": 0}
    assert new["replay_of"] == old["id"]
    done = replay(gemtap, old["id"], "--diff")
    assert "before  200" in done.stdout
    assert "now  200" in done.stdout


def test_nothing_of_it_reaches_the_upstream(gemtap: RunningGemtap) -> None:
    """The upstream sees neither that it is a replay nor of what. A key that the response repeats is redacted."""
    old = record(gemtap)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        seen = bytearray()

        def answer_once() -> None:
            connection, _ = listener.accept()
            with connection:
                while b"\r\n\r\n" not in seen or not seen.endswith(b"}"):
                    seen.extend(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 400 Bad\r\ncontent-length: 27\r\n\r\nAIzaSecretOfTheReplay? No!!")

        thread = threading.Thread(target=answer_once)
        thread.start()
        done = replay(gemtap, old["id"], "--upstream", f"http://127.0.0.1:{port}", "--json")
        thread.join(PATIENCE)
    assert done.returncode == 1
    assert old["id"].encode() not in seen
    assert b"replay_of" not in seen
    assert b"SecretOfTheFirst" not in seen
    assert b"\r\nx-goog-api-key: AIzaSecretOfTheReplay\r\n" in seen
    new = json.loads(done.stdout)
    assert new["response"]["status"] == 400
    assert "Secret" not in done.stdout


def test_no_client_can_claim_to_be_one(gemtap: RunningGemtap) -> None:
    """A client cannot set `replay_of`."""
    request = urllib.request.Request(
        gemtap.origin + CALL + "&replay_of=66f1c0ffee0123456789abcd",
        json.dumps(BODY | {"replay_of": "66f1c0ffee0123456789abcd"}).encode(),
        {"content-type": "application/json", "replay_of": "66f1c0ffee0123456789abcd", "x-gemtap-replay-of": "x"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        answer.read()
        document = gemtap.interaction(answer.headers["x-gemtap-id"])
    assert "replay_of" not in document


def test_without_gemtap_running_it_is_recorded_all_the_same(own_gemtap: RunningGemtap) -> None:
    """A replay is recorded even if Gemtap is not running."""
    gemtap = own_gemtap
    old = record(gemtap)
    assert gemtap.stop() == 0
    done = replay(gemtap, old["id"], "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["replay_of"] == old["id"]
    listed = subprocess.run(
        [sys.executable, "-m", "gemtap", "ls", f"replay_of:{old['id']}", "--json", *gemtap.reading],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert len(json.loads(listed.stdout)["items"]) == 1
    assert not list((gemtap.data_dir / "spool" / "open").iterdir())


def test_without_gemtap_running_it_goes_to_no_other_host(own_gemtap: RunningGemtap, api: SimulatedApi) -> None:
    """The flags of the Gemtap that recorded it are gone: the settings' upstream gets nothing, unless it is named."""
    gemtap = own_gemtap
    old = record(gemtap)
    assert old["upstream"] == api.origin
    assert gemtap.stop() == 0
    with socket.create_server(("127.0.0.1", 0)) as other:
        elsewhere = f"http://127.0.0.1:{other.getsockname()[1]}"
        gemtap.environment["GEMTAP_PROVIDERS__GEMINI__UPSTREAM"] = elsewhere
        done = replay(gemtap, old["id"])
        assert done.returncode == 1
        assert f"It was sent to {api.origin}, but requests of Gemini now go to {elsewhere}." in done.stderr
        other.settimeout(0)
        with pytest.raises(BlockingIOError):
            other.accept()
    done = replay(gemtap, old["id"], "--upstream", api.origin, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["upstream"] == api.origin


def test_an_upstream_that_is_not_there(gemtap: RunningGemtap) -> None:
    """A replay to an unreachable upstream exits with 1 and is recorded."""
    old = record(gemtap)
    done = replay(gemtap, old["id"], "--upstream", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert "cannot reach http://127.0.0.1" in done.stderr
    (item,) = gemtap.api(f"interactions?q=replay_of:{old['id']}")["items"]
    assert item["outcome"] == "upstream_unreachable"


def test_without_a_key_nothing_is_sent(gemtap: RunningGemtap) -> None:
    """Without a key in the environment, nothing is sent and the error names the variables."""
    old = record(gemtap)
    done = replay(gemtap, old["id"], key="")
    assert done.returncode == 1
    assert done.stderr == "gemtap: No API key: set GEMINI_API_KEY or GOOGLE_API_KEY.\n"
    assert gemtap.api(f"interactions?q=replay_of:{old['id']}")["items"] == []


def test_from_the_dashboard(own_gemtap: RunningGemtap) -> None:
    """The dashboard replays with changes, and refuses a wrong token, unknown ids and invalid changes."""
    gemtap = own_gemtap
    old = record(gemtap)
    page = gemtap.get(f"/interactions/{old['id']}")[1].decode()
    assert f'data-replay="{old["id"]}"' in page
    token = page.partition('name="gemtap-token" content="')[2].partition('"')[0]

    def ask(body: Any, id_: str = old["id"], token: str = token) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{gemtap.dashboard_port}/api/interactions/{id_}/replay",
            json.dumps(body).encode(),
            {"content-type": "application/json", "x-gemtap-token": token},
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    status, begun = ask({"model": "gemini-2.5-pro", "values": {"generationConfig.topK": 3}})
    assert status == 202
    new = gemtap.interaction(begun["id"])
    assert (new["replay_of"], new["model"], new["generation_settings"]) == (old["id"], "gemini-2.5-pro", {"topK": 3})
    assert new["outcome"] == "complete"
    assert "replay of" in gemtap.get(f"/interactions/{begun['id']}")[1].decode()
    assert ask({}, token="guessed")[0] == 403
    assert ask({}, id_="66f1c0ffee0123456789abcd")[0] == 404
    assert ask({"values": {"contents.9": 1}})[0] == 409
    assert ask({"header": "x"})[0] == 422
    known = f"'antropic' is not one of {', '.join(INSTALLED)}. Did you mean anthropic?"
    for path in ("models?provider=antropic", "lost?provider=antropic&model=x"):
        status, body = gemtap.get(f"/api/interactions/{old['id']}/replay/{path}")
        assert status in (409, 422)
        assert json.loads(body)["error"]["message"].endswith(f"rovider: {known}")
    assert gemtap.api(f"interactions/{old['id']}/replay/models?provider=anthropic") == {"models": []}
    assert gemtap.stop() == 0


def test_without_a_key_there_is_no_button(api: SimulatedApi, tmp_path: Path) -> None:
    """Without a key in the environment, the dashboard shows no replay button."""
    gemtap = RunningGemtap(tmp_path, api.origin, GEMINI_API_KEY="", GOOGLE_API_KEY="")
    try:
        old = record(gemtap)
        assert "data-replay" not in gemtap.get(f"/interactions/{old['id']}")[1].decode()
    finally:
        gemtap.close()
