"""The tap as an application: what it shares while it serves, and its own few paths, which FastAPI dispatches."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from starlette.types import Receive, Scope, Send

from gemtap import __version__
from gemtap.access.key_file import Access
from gemtap.access.provider_keys import ProviderKeys
from gemtap.capture.capture_policy import CapturePolicy, SpoolLimits
from gemtap.capture.loss_counter import LossCounter
from gemtap.capture.spool import Spool, hand_on_losses
from gemtap.capture.syncing import CaptureSync
from gemtap.capture.tap_folder import TapFolder
from gemtap.environment_proxy import environment_proxy
from gemtap.incident import IncidentKind
from gemtap.list_file import watch
from gemtap.origin_check import OriginCheck
from gemtap.settings import Settings, dashboard_of
from gemtap.tap.admission import Admission
from gemtap.tap.client_request import ClientRequest
from gemtap.tap.credentials import Fingerprints, load_fingerprint_secret
from gemtap.tap.destinations import Destinations
from gemtap.tap.forward import Forwarder
from gemtap.tap.forward_proxy import ForwardProxy
from gemtap.tap.leaves import Leaves
from gemtap.tap.lifecycle import TapContext
from gemtap.tap.limiting import Limiter
from gemtap.tap.proxied import is_local_name, is_loopback, is_public
from gemtap.tap.relay import Relay
from gemtap.tap.tunnel_counts import TunnelCounts
from gemtap.tap.upstream import Upstreams

_log = logging.getLogger(__name__)

_OWN_PATHS: Final = (b"/", b"/favicon.ico")


class TapApp(FastAPI):
    """FastAPI for the tap's own paths, and for the handshakes of WebSockets, which it hands on.

    Requests that are forwarded do not come here: see `protocol`.
    """

    forward: Callable[[ClientRequest], Coroutine[Any, Any, None]]
    relay: Callable[[Scope, Receive, Send], Awaitable[None]]
    policy: CapturePolicy
    forward_proxy: ForwardProxy

    def is_forwarded(self, path: bytes) -> bool:
        """Whether a raw path is not one of the tap's own."""
        return path not in _OWN_PATHS and not path.startswith(b"/_gemtap/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Dispatch."""
        if scope["type"] == "websocket":
            await self.relay(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def make_app(settings: Settings) -> TapApp:
    """The tap with these settings. Its start-up creates the spool, and raises OSError if that fails."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        assert isinstance(app, TapApp)
        spool = Spool(settings.spool_dir)
        try:
            spool.create()
            hand_on_losses(spool)
            fingerprints = Fingerprints(load_fingerprint_secret(settings.data_dir / "fingerprint.key"))
            access = Access(settings.data_dir, always=settings.is_exposed)
            limiter = Limiter(settings.data_dir)
            provider_keys = ProviderKeys(settings.provider_keys, os.environ, settings.providers.upstreams())
        except (OSError, ValueError) as exc:
            _log.error("The proxy cannot start: %s", exc)
            raise
        origins = settings.providers.upstreams()
        # A provider may have an origin for each location that a client names.
        proxy_of = lru_cache(maxsize=256)(partial(_proxy_of, settings))
        origin_check = OriginCheck(
            (settings.host, *settings.allowed_hosts, *settings.tls_names), settings.allowed_origins
        )
        connections = partial(
            Upstreams,
            connect_timeout=settings.upstream_connect_timeout,
            silence_timeout=settings.upstream_silence_timeout,
            proxy_of=proxy_of,
        )
        async with (
            _policy(settings, spool) as policy,
            connections() as upstreams,
            connections(admits=None if settings.tunnel_private else is_public) as others,
            limiter.running(),
            watch(access, provider_keys, limiter),
        ):
            destinations = Destinations(origins, settings.providers.added_headers(os.environ))
            admission = Admission(access, provider_keys)
            most = settings.capture_max_body
            context = TapContext(policy, origin_check, destinations, fingerprints, most, admission, limiter)
            forwarder = Forwarder(context, upstreams, trusted_fronts=frozenset(settings.trusted_fronts))
            relay = Relay(
                context,
                proxy_of,
                connect_timeout=settings.upstream_connect_timeout,
                silence_timeout=settings.upstream_silence_timeout,
            )
            app.forward, app.relay, app.policy = forwarder.forward, relay.relay, policy
            app.forward_proxy = ForwardProxy(
                destinations,
                others,
                Leaves(settings.interception_folder),
                TunnelCounts(by_host=settings.tunnel_hosts),
                proxy_of,
                admission,
                is_on=settings.forward_proxy == "loopback",
                leads_to_private=settings.tunnel_private,
                max_tunnels=settings.tunnel_max,
                connect_timeout=settings.upstream_connect_timeout,
            )
            yield

    app = TapApp(title="Gemtap", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.router.lifespan_context = lifespan
    dashboard = dashboard_of(settings)

    @app.get("/_gemtap/health")
    async def health() -> dict[str, Any]:
        policy = app.policy
        return {
            "status": "ok",
            "version": __version__,
            "captures_lost": policy.lost.count,
            "requests_refused": policy.refused.count,
            "last_loss": policy.lost.last or policy.refused.last,
            "full": policy.full,
            "captures_unsynced": policy.sync.failed.count if policy.sync else 0,
            "longest_unsynced_s": round(policy.sync.longest_unsynced, 3) if policy.sync else None,
        }

    def check_host(request: Request) -> None:
        """Refuse the page of a stranger whose name points here."""
        if not OriginCheck(settings.allowed_hosts).knows_host(request.headers.get("host", "")):
            raise HTTPException(403)

    @app.get("/_gemtap/tunnels", dependencies=[Depends(check_host)])
    async def tunnels(request: Request) -> dict[str, Any]:
        if request.client is None or not is_loopback(request.client.host):
            raise HTTPException(403)  # which hosts are visited is nobody else's business
        return app.forward_proxy.counts.shown()

    @app.get("/_gemtap/ca.pem", dependencies=[Depends(check_host)])
    async def authority() -> Response:
        if settings.forward_proxy == "off":
            raise HTTPException(404)
        return Response(await app.forward_proxy.leaves.authority(), media_type="application/x-pem-file")

    @app.get("/", response_class=HTMLResponse)
    async def home() -> str:
        return (
            "<!doctype html><html lang=en><meta charset=utf-8><title>Gemtap</title>"
            "<p>This is the Gemtap proxy: point a Gemini client's base URL here. "
            f'What it recorded is on the <a href="{dashboard}">dashboard</a>.'
        )

    return app


def _proxy_of(settings: Settings, url: str) -> str | None:
    """The environment's proxy for a URL, unless it is this Gemtap. Raises BadProxy."""
    proxy = environment_proxy(url)
    if proxy is not None:
        parts = urlsplit(proxy)
        if parts.port == settings.port and parts.hostname is not None and is_local_name(parts.hostname):
            return None
    return proxy


@asynccontextmanager
async def _policy(settings: Settings, spool: Spool) -> AsyncIterator[CapturePolicy]:
    """The captures of this process, while it serves."""
    folder = TapFolder(spool)
    try:
        lost, refused = (
            LossCounter(folder, IncidentKind.CAPTURES_LOST),
            LossCounter(folder, IncidentKind.REQUESTS_REFUSED),
        )
        unsynced, strangers, limited = (
            LossCounter(folder, IncidentKind.CAPTURES_UNSYNCED),
            LossCounter(folder, IncidentKind.STRANGERS_REFUSED),
            LossCounter(folder, IncidentKind.LIMITS_REFUSED),
        )
        limits = SpoolLimits(settings.spool_max_bytes, settings.disk_min_free_bytes)
        sync = CaptureSync(folder, settings.capture_sync, unsynced)
        policy = CapturePolicy(
            spool,
            folder,
            limits,
            lost=lost,
            refused=refused,
            when_full=settings.when_full,
            sync=sync,
            strangers=strangers,
            limited=limited,
        )
        if sync.mode == "always":
            # Nothing in the folder of this tap is on the disk before the folder itself is.
            await sync.sync()
        policy.check_disk()
        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(policy.watch()), tasks.create_task(sync.run())]
            yield policy
            for task in beside:
                task.cancel()
        for losses in (lost, refused, unsynced, strangers, limited):
            losses.close()
        await sync.close()
    finally:
        folder.close()
