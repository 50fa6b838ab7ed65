"""A store that cannot grow: what is captured waits, and is recorded when there is room again."""

from __future__ import annotations

import json
import resource
from pathlib import Path

from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi, eventually
from tests.wire.peers import Peer, request

GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"
ROOM = 64 * 1024
"""What a file of the desk may grow to, in bytes. SQLite's write-ahead log soon would be larger."""


def ask(gemtap: RunningGemtap, text: str) -> tuple[str, bytes]:
    """A whole exchange: its id, and the request's body."""
    body = json.dumps({"contents": [{"role": "user", "parts": [{"text": text}]}]}).encode()
    with Peer.to(gemtap.port) as client:
        client.send(request(GENERATE, "x-goog-api-key: any", "Content-Type: application/json", body=body))
        head, _ = client.take_response()
    assert head.status == 200
    return (head.value(b"x-gemtap-id") or b"").decode(), body


def limit_files(pid: int, size: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_database_that_cannot_grow(tmp_path: Path) -> None:
    """If the database cannot grow, forwarding continues, and captures wait for space."""
    api = SimulatedApi()
    gemtap = RunningGemtap(tmp_path, api.origin)
    try:
        first, _ = ask(gemtap, "Why?")
        gemtap.interaction(first)
        desk = gemtap.children()["desk"]
        limit_files(desk, ROOM)
        asked = dict(ask(gemtap, str(n) * 100_000) for n in range(10))
        told = eventually(lambda: ((ready := gemtap.ready())["status"] == "degraded" and ready) or None)
        assert told["backlog"] > 0
        assert "gemtap.db" in told["error"]
        assert gemtap.api("interactions")["items"][-1]["id"] == first  # what is there can be read
        limit_files(desk, resource.RLIM_INFINITY)
        for id_, body in asked.items():
            assert gemtap.interaction(id_)["outcome"] == "complete"
            assert gemtap.bytes_of(id_, "request") == body
        eventually(lambda: gemtap.ready()["status"] == "ok" or None)
        assert gemtap.children()["desk"] == desk
        (event,) = eventually(lambda: gemtap.api("events")["items"] or None)
        assert event["kind"] == "store_outage"
    finally:
        gemtap.close()
        api.stop()
