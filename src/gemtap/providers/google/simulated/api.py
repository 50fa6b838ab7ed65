"""A simulated API of Google's without a network: turns a request into the script of its response."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from gemtap.providers.google.simulated import errors
from gemtap.providers.google.simulated.call import Call
from gemtap.providers.google.simulated.errors import ApiError
from gemtap.providers.google.simulated.live import LiveSession, RefusedSession
from gemtap.providers.google.simulated.surfaces import uploads
from gemtap.providers.google.simulated.wire import Form, error_script
from gemtap.providers.google.simulated.world import World
from gemtap.simulation.base import Session, Simulation
from gemtap.simulation.received import ReceivedRequest
from gemtap.simulation.script import Script

Surface = Callable[[Call, World], Script]

_HEADERS: Final = (
    ("Vary", "Origin"),
    ("Vary", "X-Origin"),
    ("Vary", "Referer"),
    ("Server", "scaffolding on HTTPServer2"),
    ("X-XSS-Protection", "0"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("X-Content-Type-Options", "nosniff"),
)


class GoogleSimulation(Simulation):
    """The paths of one provider. Every API key and token except `invalid` is accepted."""

    def __init__(
        self,
        routes: Sequence[tuple[str, str, Surface]],
        *,
        pace: float = 0.0,
        live: re.Pattern[str] | None = None,
        world: World | None = None,
    ) -> None:
        """`routes` are methods, patterns of decoded paths, and what answers there.

        `pace` is the time between the chunks of a stream, in seconds. `live` matches the path of the Live API, with a
        group `version`.
        """
        self._routes = [(method, re.compile(path), surface) for method, path, surface in routes]
        self._pace = pace
        self._live = live
        self._world = world if world is not None else World()

    def knows(self, request: ReceivedRequest) -> bool:
        """A path of the routes, whatever the method, or of the Live API."""
        path = self._call(request).path
        live = self._live is not None and self._live.fullmatch(path) is not None
        return live or any(pattern.fullmatch(path) for _, pattern, _ in self._routes)

    def respond(self, request: ReceivedRequest) -> Script:
        """Google's errors for a request without a credential and for an unknown path."""
        call = self._call(request)
        try:
            if not uploads.continues(call):
                call.credential()
            return self._dispatch(call)
        except ApiError as error:
            return error_script(error.code, error.body, call.error_form)

    def open_session(self, request: ReceivedRequest) -> Session | Script | None:
        """A session of the Live API. Without a key it is refused; with an invalid one it is closed when it is open."""
        call = self._call(request)
        live = self._live.fullmatch(call.path) if self._live is not None else None
        if live is None:
            return None
        try:
            return LiveSession(call.credential(), live["version"], self._pace)
        except ApiError as error:
            if error.code == 400:
                return RefusedSession(error.message)
            return error_script(error.code, error.body, Form.DOCUMENT)

    def sink(self, request: ReceivedRequest) -> Callable[[bytes], None] | None:
        """Chunks of an upload."""
        return uploads.sink(self._call(request), self._world)

    def headers(self, seconds: float) -> Sequence[tuple[str, str]]:
        """Those of Google's front end."""
        return (*_HEADERS, ("Server-Timing", f"gfet4t7; dur={seconds * 1000:.0f}"))

    def _call(self, request: ReceivedRequest) -> Call:
        return Call.read(request, self._pace)

    def _dispatch(self, call: Call) -> Script:
        for method, path, surface in self._routes:
            place = path.fullmatch(call.path) if method == call.received.method else None
            if place is not None:
                names = {name: value for name, value in place.groupdict().items() if value is not None}
                return surface(replace(call, names=names), self._world)
        raise errors.not_found()
