"""The h2 library's connection, with Gemtap's limits, and without two habits that would break streams under way."""

from __future__ import annotations

from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, Event
from h2.settings import SettingCodes, Settings
from hyperframe.frame import Frame, GoAwayFrame

from gemtap.tap.protocol import MAX_HEAD

MAX_STREAMS: Final = 128
"""Requests of one connection at a time."""

STREAM_WINDOW: Final = 128 * 1024
"""Bytes of a request's body that wait for a slow upstream before the client has to stop."""

_CONNECTION_WINDOW: Final = 2**20
"""Bytes on their way at any time, in all streams together. They are acknowledged as they arrive: a slow upstream stops
its own stream and no other."""

_TABLE: Final = 4096
"""Bytes of names and values that are remembered to compress headers."""


class ServerConnection(H2Connection):
    """The server's side of a connection."""

    DEFAULT_MAX_HEADER_LIST_SIZE = MAX_HEAD
    MAX_CLOSED_STREAMS = 4096

    def __init__(self) -> None:
        super().__init__(H2Configuration(client_side=False, header_encoding=None))
        self.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEAD,
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
            },
        )
        self.initiate_connection()
        self.increment_flow_control_window(_CONNECTION_WINDOW - self.inbound_flow_control_window)

    def say_goodbye(self, last_stream: int, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """Announce that streams after `last_stream` are not served. The others go on, which h2 would not let them."""
        frame = GoAwayFrame(0)
        frame.last_stream_id, frame.error_code = last_stream, code
        self._prepare_for_sending([frame])

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        # Node.js says goodbye while it waits for answers (RFC 9113, section 6.8). h2 would send nothing from here on.
        return [], [ConnectionTerminated()]

    def bound_table(self) -> None:
        """Remember no more of sent headers than that, whatever the client allows."""
        if self.encoder.header_table_size > _TABLE:
            self.encoder.header_table_size = _TABLE
