"""A side that does not read slows the other side down, and the tap buffers almost nothing."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.wire.peers import Peer, ScriptedUpstream, eventually, request
from tests.wire.running_tap import RunningTap

BODY = 128 * 1024 * 1024
PIECE = bytes(65_536)
UNDER_WAY = BODY // 4
"""Upper limit of the data in transit when all sides stand still. Most of it is in socket buffers of both hops."""
HELD = 32 * 1024 * 1024
"""Upper limit for the growth of the tap's memory, in bytes."""


class Sender(threading.Thread):
    """Sends the whole body as fast as the peer accepts it."""

    def __init__(self, peer: Peer) -> None:
        super().__init__(daemon=True)
        self._peer = peer
        self._peer.socket.settimeout(None)
        self.sent = 0

    def run(self) -> None:
        try:
            while self.sent < BODY:
                self._peer.send(PIECE)
                self.sent += len(PIECE)
        except OSError:
            pass  # the test has ended

    def sent_when_all_stand_still(self) -> int:
        def stands_still() -> int | None:
            before = self.sent
            self.join(0.5)
            return before if before and before == self.sent else None

        return eventually(stands_still)


def resident(tap: RunningTap) -> int:
    pages = Path(f"/proc/{tap.process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def test_a_client_that_does_not_read_holds_the_upstream_up(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A download pauses while the client does not read."""
    before = resident(tap)
    with tap.connect() as client:
        client.send(request("/v1beta/files/abc:download?alt=media", method="GET", body=b""))
        peer = upstream.accept()
        peer.take_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BODY)
        sender = Sender(peer)
        sender.start()
        assert sender.sent_when_all_stand_still() < UNDER_WAY
        assert resident(tap) - before < HELD
        assert client.take_head().status == 200
        for _ in range(BODY // len(PIECE)):
            assert client.take(len(PIECE)) == PIECE
        assert resident(tap) - before < HELD


def test_an_upstream_that_does_not_read_holds_the_client_up(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """An upload pauses while the upstream does not read."""
    before = resident(tap)
    with tap.connect() as client:
        head = f"POST /upload/v1beta/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: {BODY}\r\n\r\n"
        client.send(head.encode())
        sender = Sender(client)
        sender.start()
        peer = upstream.accept()
        assert sender.sent_when_all_stand_still() < UNDER_WAY
        assert resident(tap) - before < HELD
        peer.take_head()
        for _ in range(BODY // len(PIECE)):
            assert peer.take(len(PIECE)) == PIECE
        assert resident(tap) - before < HELD
