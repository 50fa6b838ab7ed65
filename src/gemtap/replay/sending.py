"""Sends a request again as the tap would, and writes the same kind of capture.

Only the capture says that it is a replay, and of which interaction. Nothing on the wire does, in either direction, so
that no client can forge it. The recorder of the spool records it like any other capture.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from bson import ObjectId

from gemtap import __version__
from gemtap.addresses import host_header, mask, request_target
from gemtap.capture.capture_policy import CapturePolicy, SpoolLimits
from gemtap.capture.events import RawHeaders
from gemtap.capture.loss_counter import LossCounter
from gemtap.capture.spool import Spool
from gemtap.capture.tap_folder import TapFolder
from gemtap.environment_proxy import environment_proxy
from gemtap.incident import IncidentKind
from gemtap.interaction import Outcome
from gemtap.providers.declared_secrets import UNKNOWN, secrets_of
from gemtap.replay.keys import key_headers
from gemtap.replay.request import CannotReplay, ReplayRequest
from gemtap.settings import Settings, SettingsError
from gemtap.tap import headers as header_rules
from gemtap.tap.credentials import Fingerprints, Redacted, load_fingerprint_secret, redact_request
from gemtap.tap.errors import ExchangeFault
from gemtap.tap.exchange import Exchange
from gemtap.tap.upstream import BROKEN, Upstreams

_PLAIN: Final = (b"accept-encoding", b"identity")
"""Ask for an uncompressed response, since it is shown while it arrives."""


class Sender:
    """Sends requests again. Created by `sender`."""

    def __init__(
        self,
        folder: TapFolder,
        policy: CapturePolicy,
        upstreams: Upstreams,
        fingerprints: Fingerprints,
        environment: Mapping[str, str],
        max_body: int,
        added: Mapping[str, RawHeaders],
    ) -> None:
        """`added`: headers of the settings by the provider's name."""
        self._added = added
        self._folder = folder
        self._policy = policy
        self._upstreams = upstreams
        self._fingerprints = fingerprints
        self._environment = environment
        self._max_body = max_body

    def begin(self, request: ReplayRequest, user: str | None = None) -> Replay:
        """Begin the capture of a replay, which is the user's. Raises CannotReplay."""
        headers: RawHeaders = [
            *request.headers,
            _PLAIN,
            *key_headers(request, self._environment, self._added.get(request.provider, [])),
        ]
        exchange = Exchange(self._policy, max_body=self._max_body)
        if not exchange.is_captured:
            raise CannotReplay(f"It could not be recorded: {self._policy.refused.last}.")
        redacted = redact_request(
            headers, request.query, self._fingerprints, path_credentials=UNKNOWN.in_path(request.path)
        )
        exchange.request(
            method=request.method,
            path=request.path,
            http_version="1.1",
            redacted=redacted,
            client=None,
            provider=request.provider,
            upstream_path=request.path,
            upstream=mask(request.upstream),
            operation=secrets_of(request.provider).of(request.path),
            version=__version__,
            length=len(request.body),
            replay_of=request.replay_of,
            user=user,
        )
        if request.body:
            exchange.request_body(request.body, last=True)
        exchange.request_is_whole()
        return Replay(self._upstreams, exchange, request, headers, redacted, self._folder)


class Replay:
    """One running replay."""

    def __init__(
        self,
        upstreams: Upstreams,
        exchange: Exchange,
        request: ReplayRequest,
        headers: RawHeaders,
        redacted: Redacted,
        folder: TapFolder,
    ) -> None:
        self._upstreams = upstreams
        self._exchange = exchange
        self._request = request
        self._headers = headers
        self._redacted = redacted
        self._folder = folder

    @property
    def id(self) -> ObjectId:
        """Id of the interaction that will be recorded."""
        return self._exchange.id

    def captured(self) -> bytes:
        """The capture so far. Raises OSError."""
        return self._exchange.captured()

    async def run(self) -> AsyncIterator[int]:
        """Send the request. Yields the size of each captured chunk in bytes, and completes the capture at the end.

        Raises ExchangeFault if the exchange fails, which is recorded too.
        """
        exchange, request, redacted = self._exchange, self._request, self._redacted
        outcome, details = Outcome.PROXY_ERROR, None
        try:
            exchange.sent = exchange.now()
            response = await self._upstreams.send(
                request.upstream,
                request.method,
                request_target(request.path, request.query),
                header_rules.to_upstream(self._headers, host_header(request.upstream)),
                request.body or None,
            )
            try:
                headers = header_rules.to_client(response.headers)
                exchange.response(
                    status=response.status,
                    headers=headers,
                    made_here=False,
                    length=header_rules.content_length(headers),
                )
                while piece := await response.read():
                    exchange.response_body(piece)
                    yield len(piece)
            except BROKEN as exc:
                raise self._upstreams.fault(request.upstream, exc) from exc
            finally:
                response.close()
            outcome = Outcome.COMPLETE
        except ExchangeFault as fault:
            outcome, details = fault.outcome, redacted.clean(str(fault))
            raise
        except (asyncio.CancelledError, GeneratorExit):
            outcome = Outcome.CLIENT_DISCONNECTED
            raise
        finally:
            exchange.end(outcome, details)
            # So that the segment is deleted when it is recorded. The next replay may be days away.
            self._folder.rotate()


@asynccontextmanager
async def sender(settings: Settings, environment: Mapping[str, str]) -> AsyncIterator[Sender]:
    """A sender that writes captures into the spool of the settings. Raises CannotReplay."""
    try:
        added = settings.providers.added_headers(environment)
    except SettingsError as exc:
        raise CannotReplay(str(exc)) from exc
    spool = Spool(settings.spool_dir)
    try:
        spool.create()
        fingerprints = Fingerprints(load_fingerprint_secret(settings.data_dir / "fingerprint.key"))
        folder = TapFolder(spool)
    except OSError as exc:
        raise CannotReplay(f"The data directory cannot be used: {exc}.") from exc
    try:
        lost, refused = (
            LossCounter(folder, IncidentKind.CAPTURES_LOST),
            LossCounter(folder, IncidentKind.REQUESTS_REFUSED),
        )
        limits = SpoolLimits(settings.spool_max_bytes, settings.disk_min_free_bytes)
        # A replay that cannot be captured is refused: only its capture makes it a replay.
        policy = CapturePolicy(spool, folder, limits, lost=lost, refused=refused, when_full="refuse")
        async with Upstreams(
            connect_timeout=settings.upstream_connect_timeout,
            silence_timeout=settings.upstream_silence_timeout,
            proxy_of=environment_proxy,
        ) as upstreams:
            yield Sender(folder, policy, upstreams, fingerprints, environment, settings.capture_max_body, added)
        lost.close()
        refused.close()
    finally:
        folder.close()
