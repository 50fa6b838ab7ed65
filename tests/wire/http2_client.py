"""A client over HTTP/2 whose every frame is in a test's hands, inside of a tunnel whose TLS the tap ends."""

from __future__ import annotations

import ssl
from typing import TypeVar

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from hyperframe.frame import Frame, GoAwayFrame

from gemtap.interception.authority import authority_in
from gemtap.providers.hosts import provider_domains
from tests.wire.peers import Head, Peer
from tests.wire.running_tap import RunningTap

HOST = "generativelanguage.googleapis.com"
PATH = "/v1beta/models/gemini-2.5-flash:generateContent"

E = TypeVar("E", bound=Event)


def tunnel(tap: RunningTap, protocols: tuple[str, ...] = ("h2", "http/1.1"), host: str = HOST) -> Peer:
    """A connection to a provider's host through the tap, whose TLS the tap has ended."""
    peer = tap.connect()
    peer.send(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
    assert peer.take_head().status == 200
    folder = tap.settings.interception_folder
    context = ssl.create_default_context(cafile=authority_in(folder, provider_domains()).files.certificate)
    context.set_alpn_protocols(protocols)
    try:
        peer.socket = context.wrap_socket(peer.socket, server_hostname=host)
    except BaseException:
        peer.close()
        raise
    return peer


class _Lasting(H2Connection):
    """h2 would neither send nor read anything after a GOAWAY, though streams that are open go on."""

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        event = ConnectionTerminated()
        event.error_code, event.last_stream_id = ErrorCodes(frame.error_code), frame.last_stream_id
        return [], [event]


class Http2Client:
    """One connection. Nothing is sent or read but when a method says so."""

    def __init__(self, tap: RunningTap, protocols: tuple[str, ...] = ("h2", "http/1.1"), host: str = HOST) -> None:
        self.peer = tunnel(tap, protocols, host)
        assert isinstance(self.peer.socket, ssl.SSLSocket)
        assert self.peer.socket.selected_alpn_protocol() == "h2"
        self.takes_bodies = True
        """Whether the tap is told that it may send more of what was received."""
        self.h2 = _Lasting(
            H2Configuration(client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False)
        )
        self.h2.initiate_connection()
        self._events: list[Event] = []
        self.flush()

    def flush(self) -> None:
        self.peer.send(self.h2.data_to_send())

    def send_frames(self, *frames: Frame) -> None:
        """Send frames that h2 would not."""
        self.peer.send(b"".join(frame.serialize() for frame in frames))

    def ask(
        self,
        body: bytes | None = b"{}",
        *headers: tuple[str, str],
        method: str = "POST",
        path: str = PATH,
        host: str = HOST,
        ends: bool = True,
    ) -> int:
        """Send a request. Returns the number of its stream. `ends`: nothing follows."""
        number = self.h2.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "https"), (":authority", host), (":path", path), *headers]
        self.h2.send_headers(number, fields, end_stream=ends and body is None)
        if body is not None:
            self.h2.send_data(number, body, end_stream=ends)
        self.flush()
        return number

    def wait_for(self, kind: type[E], number: int | None = None) -> E:
        """The next event of a kind, in a stream or in any. Those of other streams are kept."""
        while True:
            for event in self._events:
                if isinstance(event, kind) and (number is None or getattr(event, "stream_id", None) == number):
                    self._events.remove(event)
                    return event
            self.receive()

    def receive(self) -> None:
        """Read what has arrived, or wait for it. Raises EOFError at the end of the connection."""
        data = self.peer.socket.recv(65536)
        if not data:
            raise EOFError(str([type(event).__name__ for event in self._events][-20:]))
        for event in self.h2.receive_data(data):
            self._events.append(event)
            if isinstance(event, DataReceived) and self.takes_bodies and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        self.flush()

    def head(self, number: int) -> tuple[int, dict[str, str]]:
        """Status and headers of an answer."""
        headers = self.wait_for(ResponseReceived, number).headers
        fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        return int(fields[":status"]), fields

    def piece(self, number: int) -> bytes:
        """The next frame of a body."""
        return self.wait_for(DataReceived, number).data

    def body(self, number: int) -> bytes:
        """All of a body."""
        self.wait_for(StreamEnded, number)
        kept, pieces = [], []
        for event in self._events:
            if isinstance(event, DataReceived) and event.stream_id == number:
                pieces.append(event.data)
            else:
                kept.append(event)
        self._events = kept
        return b"".join(pieces)

    def reset_code(self, number: int) -> int:
        """Why the tap broke a stream off."""
        return int(self.wait_for(StreamReset, number).error_code)

    def close(self) -> None:
        self.peer.close()


def as_head(fields: dict[str, str]) -> Head:
    """The head of an answer as `RunningTap.captured` takes it."""
    lines = [f"{name}: {value}" for name, value in fields.items() if not name.startswith(":")]
    return Head("\r\n".join([f"HTTP/2 {fields[':status']}", *lines, "", ""]).encode("latin-1"))
