"""The interface between a simulated API and the server that puts it on a socket."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from gemtap.simulation.received import ReceivedRequest
from gemtap.simulation.script import Script


class Session(ABC):
    """One WebSocket session."""

    def begin(self) -> Script:
        """What the server does after the handshake."""
        return []

    @abstractmethod
    def receive(self, message: bytes) -> Script:
        """Process a client message. The script has a `Send` for each message in response, or closes the session."""


class Simulation(ABC):
    """A simulated API with its memory. It decides what is sent, and the server sends it."""

    @abstractmethod
    def knows(self, request: ReceivedRequest) -> bool:
        """Whether the path is one of this API's. Only the head of the request is here."""

    @abstractmethod
    def respond(self, request: ReceivedRequest) -> Script:
        """The script of the response, when the whole request is here. Any path: an unknown one gets an error."""

    def open_session(self, request: ReceivedRequest) -> Session | Script | None:
        """The session that a WebSocket handshake opens, or the response that refuses it. None: it is no session."""
        return None

    def sink(self, request: ReceivedRequest) -> Callable[[bytes], None] | None:
        """A function that takes the body of this request as it arrives. None where `respond` needs no such bytes."""
        return None

    def headers(self, seconds: float) -> Sequence[tuple[str, str]]:
        """Headers of every response. `seconds` is how long the request has taken."""
        return ()
