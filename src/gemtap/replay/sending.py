"""Sending a request again: as the tap would, and into a capture as the tap would write it.

The capture alone says that it is a replay, and of what: nothing of that goes over the wire, in either direction, and no
client can claim it. It is recorded like any other, by whoever records from that spool.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
from bson import ObjectId

from gemtap import __version__
from gemtap.capture.events import RawHeaders
from gemtap.capture.keeping import Keeping, SpoolLimits
from gemtap.capture.losses import Losses
from gemtap.capture.spool import SUFFIX, Spool, TapFolder
from gemtap.incident import IncidentKind
from gemtap.interaction import Outcome
from gemtap.replay.keys import key_header
from gemtap.replay.request import CannotReplay, ReplayRequest
from gemtap.settings import Settings, environment_proxy
from gemtap.tap import headers as header_rules
from gemtap.tap.credentials import Fingerprints, Redacted, load_fingerprint_secret, redact_request, scrub
from gemtap.tap.errors import ExchangeFault
from gemtap.tap.exchange import Exchange
from gemtap.tap.upstream import Upstreams

_PLAIN: Final = (b"accept-encoding", b"identity")
"""What is shown while it arrives is not compressed."""


class Sender:
    """Sends requests again. Use `sender` to have one."""

    def __init__(
        self,
        folder: TapFolder,
        keeping: Keeping,
        upstreams: Upstreams,
        fingerprints: Fingerprints,
        environment: Mapping[str, str],
        max_body: int,
    ) -> None:
        self._folder = folder
        self._keeping = keeping
        self._upstreams = upstreams
        self._fingerprints = fingerprints
        self._environment = environment
        self._max_body = max_body

    def begin(self, request: ReplayRequest) -> Replay:
        """Begin the capture of a request that is sent again. Raises CannotReplay."""
        headers: RawHeaders = [*request.headers, _PLAIN, key_header(request, self._environment)]
        exchange = Exchange(self._keeping, max_body=self._max_body)
        if not exchange.is_captured:
            raise CannotReplay(f"It could not be recorded: {self._keeping.refused.last}.")
        redacted = redact_request(headers, request.query, self._fingerprints)
        exchange.request(
            method=request.method,
            path=request.path,
            http_version="1.1",
            redacted=redacted,
            client=None,
            provider=request.provider,
            upstream_path=request.path,
            upstream=request.upstream,
            version=__version__,
            length=len(request.body),
            replay_of=request.replay_of,
        )
        if request.body:
            exchange.request_body(request.body)
        return Replay(self._upstreams, self._fingerprints, exchange, request, headers, redacted, self._folder)


class Replay:
    """One request on its way."""

    def __init__(
        self,
        upstreams: Upstreams,
        fingerprints: Fingerprints,
        exchange: Exchange,
        request: ReplayRequest,
        headers: RawHeaders,
        redacted: Redacted,
        folder: TapFolder,
    ) -> None:
        self._upstreams = upstreams
        self._fingerprints = fingerprints
        self._exchange = exchange
        self._request = request
        self._headers = headers
        self._redacted = redacted
        self._capture = folder.path / f"{exchange.id}{SUFFIX}"

    @property
    def id(self) -> ObjectId:
        """Of the interaction that it becomes."""
        return self._exchange.id

    def captured(self) -> bytes:
        """The capture as far as it has come."""
        return self._capture.read_bytes()

    async def run(self) -> AsyncIterator[int]:
        """Send it, and give the number of bytes with each piece that is here and captured. Ends the capture.

        Raises ExchangeFault where it did not come to its end: that is recorded too.
        """
        exchange, request, redacted = self._exchange, self._request, self._redacted
        outcome, details = Outcome.PROXY_ERROR, None
        try:
            target = request.path + (b"?" + request.query if request.query else b"")
            exchange.sent = exchange.now()
            response = await self._upstreams.send(
                request.upstream,
                request.method,
                target.decode("latin-1"),
                header_rules.to_upstream(self._headers, request.upstream.partition("://")[2].partition("/")[0]),
                request.body or None,
            )
            try:
                headers = header_rules.to_client(response.raw_headers)
                exchange.response(
                    status=response.status,
                    headers=headers,
                    redacted=redacted,
                    fingerprints=self._fingerprints,
                    made_here=False,
                    length=header_rules.content_length(headers),
                )
                async for piece in response.content.iter_any():
                    exchange.response_body(piece)
                    yield len(piece)
            except (TimeoutError, aiohttp.ClientError) as exc:
                raise self._upstreams.fault(request.upstream, exc) from exc
            finally:
                response.close()
            outcome = Outcome.COMPLETE
        except ExchangeFault as fault:
            outcome, details = fault.outcome, scrub(str(fault).encode(), redacted.found).decode()
            raise
        except (asyncio.CancelledError, GeneratorExit):
            outcome = Outcome.CLIENT_DISCONNECTED
            raise
        finally:
            exchange.end(outcome, details)


@asynccontextmanager
async def sender(settings: Settings, environment: Mapping[str, str]) -> AsyncIterator[Sender]:
    """What sends requests again and writes captures into the spool of these settings. Raises CannotReplay."""
    spool = Spool(settings.spool_dir)
    try:
        spool.create()
        fingerprints = Fingerprints(load_fingerprint_secret(settings.data_dir / "fingerprint.key"))
        folder = TapFolder(spool)
    except OSError as exc:
        raise CannotReplay(f"The data directory cannot be used: {exc}.") from exc
    try:
        lost, refused = Losses(folder, IncidentKind.CAPTURES_LOST), Losses(folder, IncidentKind.REQUESTS_REFUSED)
        limits = SpoolLimits(settings.spool_max_bytes, settings.disk_min_free_bytes)
        # Never without a record: that it is one is what makes it a replay.
        keeping = Keeping(spool, folder, limits, lost=lost, refused=refused, when_full="refuse")
        async with Upstreams(
            connect_timeout=settings.upstream_connect_timeout,
            silence_timeout=settings.upstream_silence_timeout,
            proxy_of=environment_proxy,
        ) as upstreams:
            yield Sender(folder, keeping, upstreams, fingerprints, environment, settings.capture_max_body)
        lost.close()
        refused.close()
    finally:
        folder.close()
