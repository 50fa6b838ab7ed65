"""Hostile content in recorded exchanges stops neither recording nor the dashboard."""

from __future__ import annotations

import http.client
import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.hostile_content import CONTENT, Hostile
from tests.e2e.running_gemtap import PATIENCE, RunningGemtap, eventually

PATH = "/v1beta/models/gemini-2.5-pro:generateContent"
ORDINARY = Hostile()
LONG = 400
"""Seconds after which what is still not recorded never will be, also on a machine that is busy with other things."""

PAUSE = 0.05
"""Seconds between two calls."""
COMPARED = (
    ("another text of 3 MB", "a text of 3 MB"),
    ("the same lines in another order", "few distinct lines"),
)


class Upstream:
    """An API with responses that the test sets."""

    def __init__(self) -> None:
        self.answers: dict[str, Hostile] = {}
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                hostile = upstream.answers.get(self.headers["x-content"], ORDINARY)
                self.send_response(200)
                for name, value in hostile.answer_headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(hostile.answer)))
                self.end_headers()
                self.wfile.write(hostile.answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Repeatedly:
    """Calls a function repeatedly in a thread, and measures each call in seconds."""

    def __init__(self, work: Callable[[], object], pause: float) -> None:
        self._work = work
        self._pause = pause
        self._stop = threading.Event()
        self._seconds: list[float] = []
        self._raised: Exception | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._pause):
                started = time.monotonic()
                self._work()
                self._seconds.append(time.monotonic() - started)
        except Exception as exc:
            self._raised = exc

    def seconds(self) -> list[float]:
        """Stop, and return the duration of each call. Raises the error of a failed call."""
        self._stop.set()
        self._thread.join()
        if self._raised is not None:
            raise self._raised
        return self._seconds


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture
def served(upstream: Upstream, tmp_path: Path) -> Iterator[RunningGemtap]:
    served = RunningGemtap(tmp_path, upstream.origin)
    yield served
    served.close()


def ask(gemtap: RunningGemtap, name: str, hostile: Hostile) -> str:
    """Send the request and read the response. Returns the id of the exchange."""
    connection = http.client.HTTPConnection("127.0.0.1", gemtap.port, timeout=PATIENCE)
    headers = {"x-content": name, "accept-encoding": "gzip, deflate, br, zstd", **hostile.request_headers}
    connection.request("POST", PATH, hostile.request, headers)
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.read() == hostile.answer, "the proxy passes on what came"
    connection.close()
    return str(answer.headers["x-gemtap-id"])


def is_alive(gemtap: RunningGemtap) -> None:
    assert gemtap.get("/healthz")[0] == 200


def record(gemtap: RunningGemtap) -> None:
    """Run an ordinary exchange, and wait until it is recorded."""
    eventually(partial(found, gemtap, ask(gemtap, "", ORDINARY)), LONG)


def share_over(limit: float, seconds: list[float]) -> float:
    """Which share of the time was spent in calls that took longer: one that hangs counts for as long as it hangs."""
    return sum(each for each in seconds if each > limit) / sum(each + PAUSE for each in seconds)


def slowed_down(pid: int) -> float:
    """By which factor the machine slows down a process's main thread, which runs the event loop.

    https://docs.kernel.org/scheduler/sched-stats.html: nanoseconds that it ran, and that it waited for a processor.
    """
    ran, waited, _ = map(int, Path(f"/proc/{pid}/schedstat").read_text().split())
    return (ran + waited) / ran


def found(gemtap: RunningGemtap, id_: str) -> Any:
    """The document if it is recorded, else None."""
    status, body = gemtap.get(f"/api/interactions/{id_}")
    return json.loads(body) if status == 200 else None


def incomplete(document: dict[str, Any]) -> str:
    return " ".join(str((document[side] or {}).get("body_incomplete", "")) for side in ("request", "response"))


@pytest.mark.timeout(600)
def test_no_content_stops_the_desk(served: RunningGemtap, upstream: Upstream) -> None:
    """While hostile content is recorded and shown, the desk answers and other traffic is recorded.

    The desk may take longer by as much as the machine, busy with the desk's workers and whatever else, makes it wait.
    """
    hostile = {name: make() for name, make in CONTENT.items()}
    upstream.answers.update(hostile)
    record(served)
    beside = Repeatedly(partial(is_alive, served), PAUSE), Repeatedly(partial(record, served), 0.2)
    try:
        ids = {name: ask(served, name, each) for name, each in hostile.items()}
        documents = {name: eventually(partial(found, served, id_), LONG) for name, id_ in ids.items()}
        pages = [f"/interactions/{id_}" for id_ in ids.values()]
        pages += [f"/interactions/{ids[name]}/changes?since={ids[other]}" for name, other in COMPARED]
        with ThreadPoolExecutor(2) as readers:
            shown = dict(zip(pages, readers.map(served.get, pages), strict=True))
    finally:
        alive, recorded = (each.seconds() for each in beside)
        slower = slowed_down(served.children()["desk"])

    assert {status for status, _ in shown.values()} == {200}
    for name, each in hostile.items():
        document, page = documents[name], shown[f"/interactions/{ids[name]}"][1].decode()
        assert each.incomplete is None or each.incomplete in incomplete(document), name
        assert each.shown is None or each.shown in page, name
        assert document["response"]["body_bytes"] == len(each.answer), name
    for name in ("zstd bomb", "bomb in a request", "many arrays", "NULs", "code for the lexer of autoit"):
        assert served.bytes_of(ids[name], "request") == hostile[name].request, name
        assert served.bytes_of(ids[name], "response") == hostile[name].answer, name
    assert served.ready()["failed"] == 0
    assert share_over(0.2 * slower, alive) < 0.2
    assert statistics.median(recorded) < 1.0 * slower
    assert len(recorded) > 5
