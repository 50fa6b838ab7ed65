"""Word searches in the API, on the command line, in exports and on the dashboard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from typing import Any

from bson import ObjectId

from tests.e2e.running_gemtap import PATIENCE, RunningGemtap, eventually
from tests.wire.peers import Peer, request

GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"


def ask(gemtap: RunningGemtap, *contents: dict[str, Any]) -> str:
    """Send a conversation and wait until it is recorded. Returns the id of the interaction."""
    body = json.dumps({"contents": contents}).encode()
    with Peer.to(gemtap.port) as client:
        client.send(request(GENERATE, "x-goog-api-key: any", "Content-Type: application/json", body=body))
        id_ = client.take_response()[0].value(b"x-gemtap-id")
    assert id_ is not None
    gemtap.interaction(id_.decode())
    return id_.decode()


def said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"text": text}]}


def answered(gemtap: RunningGemtap, id_: str) -> dict[str, Any]:
    content: dict[str, Any] = gemtap.interaction(id_)["response"]["body"]["candidates"][0]["content"]
    return content


def got(gemtap: RunningGemtap, path: str, **query: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{gemtap.dashboard_port}{path}?{urllib.parse.urlencode(query)}"
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()


def found(gemtap: RunningGemtap, query: str) -> list[str]:
    status, text = got(gemtap, "/api/interactions", q=query)
    assert status == 200, text
    return [item["id"] for item in json.loads(text)["items"]]


def run(gemtap: RunningGemtap, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gemtap", *arguments, *gemtap.reading],
        capture_output=True,
        text=True,
        env=os.environ.copy(),
        timeout=PATIENCE,
        check=False,
    )


def test_a_word_finds_the_turn_that_said_it_and_not_those_that_sent_it_again(gemtap: RunningGemtap) -> None:
    """A word finds only the turn that added it."""
    word, other = f"w{ObjectId()}", f"o{ObjectId()}"
    start = said("user", f"Why does {word} fail with connection_refused in src/app.py? Please explain it to me.")
    first = ask(gemtap, start)
    second = ask(gemtap, start, answered(gemtap, first), said("user", f"And {other}?"))
    assert gemtap.interaction(second)["thread"]["parent"] == first
    assert found(gemtap, word) == [first]
    assert found(gemtap, f'"{word} fail with connection refused"') == [first]
    assert found(gemtap, f"{word[:20]}* src/app.py status:200 since:1d") == [first]
    assert found(gemtap, f"{word} -connection_refused") == []
    assert found(gemtap, other) == [second]
    assert found(gemtap, f"text:{other},{word}") == [second, first]


def test_the_answer_is_found(gemtap: RunningGemtap) -> None:
    """A phrase of the response finds the interaction."""
    id_ = ask(gemtap, said("user", "Tell me something."))
    (part, *_) = answered(gemtap, id_)["parts"]
    phrase = " ".join(part["text"].split()[:4]).replace('"', "")
    assert id_ in found(gemtap, f'"{phrase}" id:{id_}')


def test_every_way_in_understands_the_same_query(gemtap: RunningGemtap) -> None:
    """A query has equal results in the API, in `ls`, in `export` and on the page."""
    word = f"w{ObjectId()}"
    id_ = ask(gemtap, said("user", f"{word} one"))
    ask(gemtap, said("user", f"{word} two"))
    query = f'"{word} one" model:gemini-2.5-flash'
    assert found(gemtap, query) == [id_]
    listed = run(gemtap, "ls", "--json", query)
    assert [item["id"] for item in json.loads(listed.stdout)["items"]] == [id_]
    exported = run(gemtap, "export", "jsonl", "--where", query)
    assert len(exported.stdout.splitlines()) == 1, exported.stderr
    assert id_ in exported.stdout
    status, page = got(gemtap, "/interactions", q=query)
    assert status == 200
    assert page.count('id="row-') == 1
    assert f'id="row-{id_}"' in page


def test_a_query_that_is_none_is_explained_wherever_it_is_asked(gemtap: RunningGemtap) -> None:
    """An invalid query gets the same explanation everywhere."""
    wrong = '"connection refused'
    for path in ("/api/interactions", "/interactions"):
        status, text = got(gemtap, path, q=wrong)
        assert status == 422
        assert "is not closed" in text
    listed = run(gemtap, "ls", wrong)
    assert listed.returncode == 2
    assert "is not closed" in listed.stderr


def test_a_note_is_found_once_it_is_written(gemtap: RunningGemtap) -> None:
    """A word of a note finds the interaction after a moment."""
    word = f"n{ObjectId()}"
    id_ = ask(gemtap, said("user", "Something to be noted."))
    assert run(gemtap, "note", id_, f"about {word}").returncode == 0
    assert eventually(lambda: found(gemtap, word) or None) == [id_]
