"""One exchange on its way through the tap: its capture, begun once, written as the bytes pass, ended once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any, Final

from bson import ObjectId

from gemtap.capture.events import FORMAT, BodyEnd, Closing, End, Kind, RawHeaders, RequestHead, ResponseHead
from gemtap.capture.keeping import Keeping
from gemtap.encodings import decode
from gemtap.interaction import Outcome
from gemtap.tap.credentials import Fingerprints, Redacted, redact_response_headers, scrub, scrub_torn
from gemtap.tap.headers import value_of

ERROR_BODY_HELD: Final = 2**20
"""Bytes of an error answer that are held until it is whole, to be cleaned of credentials."""


class Exchange:
    """The record of one exchange while it is under way. Nothing in here ever stops the traffic."""

    def __init__(self, keeping: Keeping, *, max_body: int) -> None:
        self.id = ObjectId()
        self.sent: int | None = None
        """Microseconds from the start to sending upstream."""
        self.closing: Closing | None = None
        """How a WebSocket was closed."""
        self.provider = ""
        """Name of the provider, empty until it is known."""
        self._keeping = keeping
        self._start = time.perf_counter()
        self._received = time.time()
        self._request = _CapturedBody(max_body)
        self._response = _CapturedBody(max_body)
        self._held: _HeldErrorBody | None = None
        self._capture = keeping.begin(self.id)

    @property
    def is_captured(self) -> bool:
        """Whether there is a capture, whole so far."""
        return self._capture is not None

    def now(self) -> int:
        """Microseconds since the start."""
        return round((time.perf_counter() - self._start) * 1e6)

    def hold(self) -> None:
        """Keep events that come at once until `release`. Nothing that they tell of may be passed on before that."""
        if self._capture is not None:
            self._capture.hold()

    def release(self) -> None:
        """Write what is held, if anything is."""
        if self._capture is not None:
            self._written(self._capture.release)

    async def durable(self) -> None:
        """Return when what was written so far may be passed on: at once, unless `capture_sync` is `always`."""
        if self._capture is not None:
            try:
                await self._keeping.durable(self._capture)
            except OSError as exc:
                # What the disk has of it now nobody can say: hand on what there is, as interrupted.
                self._keeping.lost.add(f"the sync failed: {exc.strerror}")
                self._close()

    def request(
        self,
        *,
        method: str,
        path: bytes,
        http_version: str,
        redacted: Redacted,
        client: str | None,
        provider: str,
        upstream_path: bytes,
        upstream: str | None,
        version: str,
        length: int | None,
        replay_of: str | None = None,
    ) -> None:
        """The request's head has arrived. `length` is its Content-Length; `replay_of` says whose it is sent again."""
        self._request.expect(length)
        self.provider = provider
        head: RequestHead = {
            "format": FORMAT,
            "tap": version,
            "received": self._received,
            "method": method,
            "path": path,
            "query": redacted.query,
            "http_version": http_version,
            "headers": redacted.headers,
            "client": client,
            "key": redacted.key,
            "provider": provider,
            "upstream_path": upstream_path,
            "upstream": upstream,
        }
        if replay_of is not None:
            head["replay_of"] = replay_of
        self._write(Kind.REQUEST, 0, head)

    def request_body(self, piece: bytes) -> None:
        """A piece of the request's body has arrived."""
        kept = self._request.add(piece)
        if kept:
            self._write(Kind.REQUEST_BODY, self.now(), kept)

    def response(
        self,
        *,
        status: int,
        headers: RawHeaders,
        redacted: Redacted,
        fingerprints: Fingerprints,
        made_here: bool,
        length: int | None,
    ) -> None:
        """The answer's head has arrived, or was made here. `length` is its Content-Length."""
        self._response.expect(length)
        # An error's text may repeat the credential: it is captured when it is whole and clean.
        if status >= 400 and not made_here:
            self._response.expect(None)
            encoding = value_of(headers, b"content-encoding") or b""
            self._held = _HeldErrorBody(encoding.decode("latin-1"), redacted.found)
        head: ResponseHead = {
            "status": status,
            "headers": redact_response_headers(headers, redacted.found, fingerprints),
            "sent": self.sent,
            "made_here": made_here,
            "decoded": self._held is not None,
        }
        self._write(Kind.RESPONSE, self.now(), head)

    def response_body(self, piece: bytes) -> None:
        """A piece of the answer's body has arrived, and goes to the client next."""
        kept = self._response.add(piece)
        if self._held is not None:
            self._held.add(piece)
        elif kept:
            self._write(Kind.RESPONSE_BODY, self.now(), kept)

    def message(self, kind: Kind, message: str | bytes, redacted: Redacted) -> None:
        """A message of a WebSocket has arrived, and goes to the other side next."""
        side = self._request if kind is Kind.WS_CLIENT else self._response
        raw = message.encode("utf-8") if isinstance(message, str) else message
        # Part of a message would be of no use: one that does not fit is left out whole.
        if len(side.add(raw)) == len(raw):
            kept = scrub(raw, redacted.found)
            self._write(kind, self.now(), kept.decode("utf-8") if isinstance(message, str) else kept)

    def end(self, outcome: Outcome, details: str | None) -> None:
        """The exchange is over: the one place where a capture ends."""
        if self._held is not None:
            text, whole = self._held.clean(ended=outcome is Outcome.COMPLETE)
            if text:
                self._write(Kind.RESPONSE_BODY, self.now(), text)
            if not whole:
                self._response.truncated = True
        end: End = {
            "outcome": outcome,
            "details": details,
            "sent": self.sent,
            "request": self._request.end(),
            "response": self._response.end(),
        }
        if self.closing is not None:
            end["closing"] = self.closing
        self._write(Kind.END, self.now(), end)
        self.release()
        self._close()

    def _write(self, kind: Kind, at: int, value: Any) -> None:
        if self._capture is not None:
            self._written(self._capture.write, kind, at, value)

    def _written(self, write: Callable[..., None], *event: Any) -> None:
        try:
            write(*event)
        except OSError as exc:
            # What follows a torn event cannot be read: hand on what there is, as interrupted.
            self._keeping.lost.add(str(exc))
            self._close()

    def _close(self) -> None:
        if self._capture is None:
            return
        try:
            self._capture.close()
        except OSError as exc:
            self._keeping.lost.add(str(exc))
        self._capture = None


class _CapturedBody:
    """How much of a body has passed, and how much of it is kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._digest: hashlib._Hash | None = None
        self.truncated = False

    def expect(self, length: int | None) -> None:
        """A body that is known to fit needs no digest: only what is cut short is told by one."""
        if length is None or length > self._limit:
            self._digest = hashlib.sha256()

    def add(self, piece: bytes) -> bytes:
        """Count the piece, and give back what of it is kept."""
        room = self._limit - self._bytes
        self._bytes += len(piece)
        if self._digest is not None:
            self._digest.update(piece)
        if len(piece) <= room:
            return piece
        self.truncated = True
        return piece[: max(room, 0)]

    def end(self) -> BodyEnd:
        """Its true size and, where not all of it was kept, its digest."""
        if self.truncated and self._digest is not None:
            return {"bytes": self._bytes, "sha256": self._digest.digest()}
        return {"bytes": self._bytes}


class _HeldErrorBody:
    """The body of an error answer, held until it is whole."""

    def __init__(self, encoding: str, found: dict[bytes, bytes]) -> None:
        self._encoding = encoding
        self._found = found
        self._pieces: list[bytes] = []
        self._bytes = 0

    def add(self, piece: bytes) -> None:
        """Hold a piece, up to the limit."""
        room = ERROR_BODY_HELD - self._bytes
        self._bytes += len(piece)
        if room > 0:
            self._pieces.append(piece[:room])

    def clean(self, *, ended: bool) -> tuple[bytes, bool]:
        """The body decoded and free of credentials, and whether nothing of it had to be left out.

        `ended` says whether the answer came to its end.
        """
        decoded = decode([(0, b"".join(self._pieces))], self._encoding, limit=16 * ERROR_BODY_HELD)
        if decoded.fault is not None:
            # Decoders notice damage late: what came out may hold pieces of a credential that nobody can find.
            return b"", not self._bytes
        fits = self._bytes <= ERROR_BODY_HELD
        return (scrub if fits and ended else scrub_torn)(decoded.body, self._found), fits
