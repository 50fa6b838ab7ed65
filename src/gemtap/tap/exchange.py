"""One exchange on its way through the tap: its capture, opened once, written as the bytes pass, ended once."""

from __future__ import annotations

import hashlib
import time
from typing import Any, Final

from bson import ObjectId

from gemtap.capture.capture_policy import CapturePolicy
from gemtap.capture.events import FORMAT, BodyEnd, Closing, End, Kind, RawHeaders, RequestHead, Reserved, ResponseHead
from gemtap.interaction import Outcome
from gemtap.providers.secrets import Operation
from gemtap.tap.cleaning import CleanBody, Kept, clean_message
from gemtap.tap.credentials import Redacted, redact_response_headers
from gemtap.tap.headers import value_of
from gemtap.tap.scrubbing import scrub


class Exchange:
    """The record of one exchange while it is under way. Nothing in here ever stops the traffic."""

    def __init__(self, policy: CapturePolicy, *, max_body: int) -> None:
        self.id = ObjectId()
        self.sent: int | None = None
        """Microseconds from the start to sending upstream."""
        self.closing: Closing | None = None
        """How a WebSocket was closed."""
        self.provider = ""
        """Name of the provider; empty until it is known."""
        self.waits_for_disk = policy.sync is not None and policy.sync.mode == "always"
        """Whether nothing may be passed on before it is on the disk: `durable` waits for that."""
        self._policy = policy
        self._start = time.perf_counter()
        self._received = time.time()
        self._request = _CapturedBody(max_body)
        self._response = _CapturedBody(max_body)
        self._redacted: Redacted | None = None
        self._operation: Operation | None = None
        self._capture = policy.begin(self.id)
        self._is_over = False

    @property
    def is_captured(self) -> bool:
        """Whether there is a capture without gaps so far."""
        return self._capture is not None

    def captured(self) -> bytes:
        """The capture so far; empty if there is none, or none any more. Raises OSError."""
        return b"" if self._capture is None else self._capture.read()

    def now(self) -> int:
        """Microseconds since the start."""
        return int((time.perf_counter() - self._start) * 1e6)

    def forgo(self) -> None:
        """Record nothing of it. Nothing may have been written yet."""
        self._capture = None

    def forgo_unwritten(self) -> None:
        """Record nothing of it, if nothing has been written yet."""
        if self._capture is not None and self._capture.is_unwritten:
            self._capture = None

    def hold(self) -> None:
        """Buffer simultaneous events until `release`. Their data must not be forwarded before."""
        if self._capture is not None:
            self._capture.hold()

    def release(self) -> None:
        """Write what is held, if anything is."""
        if self._capture is not None:
            try:
                self._capture.release()
            except OSError as exc:
                self._failed(exc)

    async def durable(self) -> None:
        """Return when what was written so far may be passed on. Needed only if the exchange `waits_for_disk`."""
        if self._capture is not None:
            try:
                await self._policy.durable(self._capture)
            except OSError as exc:
                # It is unknown how much of it is on the disk: pass on the rest as interrupted.
                self._policy.lost.add(f"the sync failed: {exc.strerror}")
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
        operation: Operation,
        version: str,
        length: int | None,
        replay_of: str | None = None,
        user: str | None = None,
        is_proxied: bool = False,
    ) -> None:
        """The request's head has arrived.

        `operation`: what is secret in its bodies; `length`: its Content-Length; `replay_of`: the original of a replay.
        `user`: whose access key it has. `is_proxied`: whether it came through the forward proxy.
        """
        self.provider = provider
        self._redacted = redacted
        self._operation = operation
        clean = CleanBody(
            redacted,
            operation.request,
            encoding=value_of(redacted.headers, b"content-encoding"),
            content_type=value_of(redacted.headers, b"content-type"),
            held=operation.held,
            is_request=True,
        )
        self._request.expect(length, clean)
        head: RequestHead = {
            "format": FORMAT,
            "tap": version,
            "received": self._received,
            "method": method,
            "path": scrub(path, redacted.found),
            "query": redacted.query,
            "http_version": http_version,
            "headers": redacted.headers,
            "client": client,
            "key": redacted.key,
            "provider": provider,
            "upstream_path": scrub(upstream_path, redacted.found),
            "upstream": upstream,
        }
        if replay_of is not None:
            head["replay_of"] = replay_of
        if user is not None:
            head["user"] = user
        if is_proxied:
            head["via"] = "proxy"
        self._write(Kind.REQUEST, 0, head)

    def request_body(self, piece: bytes, *, last: bool = False) -> None:
        """A piece of the request's body has arrived; `last`: the body is whole with it."""
        self._write_piece(self._request.add(piece, last=last), Kind.REQUEST_BODY, Kind.REQUEST_DECODED)

    def request_is_whole(self) -> None:
        """The request's body is complete."""
        self._write_piece(self._request.finish(whole=True), Kind.REQUEST_BODY, Kind.REQUEST_DECODED)

    def reserved(self, reserved: Reserved) -> None:
        """Limits have admitted the request, which is forwarded next."""
        self._write(Kind.RESERVED, self.now(), reserved)

    def response(
        self,
        *,
        status: int,
        headers: RawHeaders,
        made_here: bool,
        length: int | None,
    ) -> None:
        """The answer's head has arrived, or was made here. `length` is its Content-Length."""
        assert self._redacted is not None
        assert self._operation is not None
        clean = CleanBody(
            self._redacted,
            self._operation.response,
            encoding=value_of(headers, b"content-encoding"),
            content_type=value_of(headers, b"content-type"),
            # An error response contains no new credentials, and those of the request are known by now.
            held=self._operation.held and status < 400,
        )
        self._response.expect(length, clean)
        head: ResponseHead = {
            "status": status,
            "headers": redact_response_headers(headers, self._redacted),
            "sent": self.sent,
            "made_here": made_here,
            "decoded": False,
        }
        self._write(Kind.RESPONSE, self.now(), head)

    def response_body(self, piece: bytes, *, last: bool = False) -> None:
        """A chunk of the response's body has arrived, and is forwarded next; `last`: the body is whole with it."""
        self._write_piece(self._response.add(piece, last=last), Kind.RESPONSE_BODY, Kind.RESPONSE_DECODED)

    def message(self, kind: Kind, message: str | bytes) -> None:
        """A WebSocket message has arrived, and is forwarded next."""
        assert self._redacted is not None
        assert self._operation is not None
        is_clients = kind is Kind.WS_CLIENT
        side = self._request if is_clients else self._response
        raw = message.encode("utf-8") if isinstance(message, str) else message
        # Part of a message would be of no use: one that does not fit is left out whole.
        if not side.count(raw):
            return
        kept = clean_message(raw, self._redacted, self._operation.request if is_clients else self._operation.response)
        if kept is None:
            side.truncated = side.redacted = True
            return
        side.redacted = side.redacted or kept != raw
        self._write(kind, self.now(), kept.decode("utf-8") if isinstance(message, str) else kept)

    def end(self, outcome: Outcome, details: str | None) -> None:
        """The exchange is over: the one place where a capture ends. The first call counts."""
        if self._is_over:
            return
        self._is_over = True
        self._write_piece(self._request.finish(whole=False), Kind.REQUEST_BODY, Kind.REQUEST_DECODED)
        is_whole = outcome is Outcome.COMPLETE
        self._write_piece(self._response.finish(whole=is_whole), Kind.RESPONSE_BODY, Kind.RESPONSE_DECODED)
        end: End = {
            "outcome": outcome,
            "details": details,
            "sent": self.sent,
            "request": self._request.end(),
            "response": self._response.end(),
        }
        if self.closing is not None:
            reason = self.closing["reason"]
            clean = self._redacted.clean(reason) if self._redacted is not None else ""
            end["closing"] = {**self.closing, "reason": clean}
        self._write(Kind.END, self.now(), end)
        self.release()
        self._close()

    def _write_piece(self, piece: Kept, kind: Kind, decoded: Kind) -> None:
        if piece.text:
            self._write(decoded if piece.decoded else kind, self.now(), piece.text)

    def _write(self, kind: Kind, at: int, value: Any) -> None:
        if self._capture is not None:
            try:
                self._capture.write(kind, at, value)
            except OSError as exc:
                self._failed(exc)

    def _failed(self, exc: OSError) -> None:
        # Events after a torn one cannot be read: pass on the capture as interrupted.
        self._policy.lost.add(str(exc))
        self._close()

    def _close(self) -> None:
        if self._capture is None:
            return
        try:
            self._capture.close()
        except OSError as exc:
            self._policy.lost.add(str(exc))
        self._capture = None


class _CapturedBody:
    """How much of a body has passed, and how much of it is kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._digest: hashlib._Hash | None = None
        self._clean: CleanBody | None = None
        self.truncated = False
        self.redacted = False
        self._left_out: str | None = None

    def expect(self, length: int | None, clean: CleanBody) -> None:
        """A body begins. Only truncated bodies need a digest."""
        self._clean = clean
        if length is None or length > self._limit or clean.needs_digest:
            self._digest = hashlib.sha256()

    def count(self, piece: bytes) -> bool:
        """Count the chunk, and return whether it fits."""
        self._bytes += len(piece)
        if self._digest is not None:
            self._digest.update(piece)
        if self._bytes > self._limit:
            self.truncated = True
        return self._bytes <= self._limit

    def add(self, piece: bytes, *, last: bool) -> Kept:
        """Count the chunk, and return the bytes that may be captured now."""
        assert self._clean is not None
        room = self._limit - self._bytes
        if self.count(piece):
            return self._clean.add(piece, last=last)
        return self._clean.add(piece[:room]) if room > 0 else _NOTHING

    def finish(self, *, whole: bool) -> Kept:
        """The body is over, if it is not yet: what is kept of what was held back. `whole`: it came to its end."""
        clean, self._clean = self._clean, None
        if clean is None:
            return _NOTHING
        kept = clean.end(whole=whole and not self.truncated)
        self.redacted = self.redacted or clean.changed
        self._left_out = clean.left_out
        if clean.left_out is not None:
            self.truncated = True
            self._digest = self._digest or clean.digest
        return kept

    def end(self) -> BodyEnd:
        """Its true size, and how the captured body differs."""
        end: BodyEnd = {"bytes": self._bytes}
        if self.truncated and self._digest is not None:
            end["sha256"] = self._digest.digest()
        if self.redacted:
            end["redacted"] = True
        if self._left_out is not None:
            end["left_out"] = self._left_out
        return end


_NOTHING: Final = Kept(b"")
