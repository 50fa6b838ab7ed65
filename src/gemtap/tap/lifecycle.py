"""The lifecycle that a request and a WebSocket share: open the capture, choose the destination, end the capture."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from gemtap import __version__
from gemtap.addresses import mask_in
from gemtap.capture.capture_policy import CapturePolicy
from gemtap.capture.events import Closing, RawHeaders
from gemtap.interaction import Outcome
from gemtap.origin_check import OriginCheck, is_same_origin
from gemtap.providers import routing
from gemtap.tap.admission import Admission, Admitted
from gemtap.tap.client_request import ClientHead, ClientLeft
from gemtap.tap.credentials import Fingerprints, Redacted, redact_request
from gemtap.tap.destinations import Destination, Destinations, Place
from gemtap.tap.errors import (
    ExchangeFault,
    foreign_host,
    foreign_origin,
    no_room,
    proxy_error,
    refused_path,
    shutting_down,
)
from gemtap.tap.exchange import Exchange
from gemtap.tap.headers import value_of
from gemtap.tap.limiting import LimitedRequest, Limiter
from gemtap.tap.masking import KeyMask
from gemtap.tap.proxy_errors import misdirected

_log = logging.getLogger(__name__)

ABNORMAL: Final = 1006
"""The code of a WebSocket whose connection just broke: RFC 6455, section 7.4.1."""


@dataclass(frozen=True, slots=True)
class TapContext:
    """What every exchange of this tap shares."""

    policy: CapturePolicy
    origin_check: OriginCheck
    destinations: Destinations
    fingerprints: Fingerprints
    max_body: int
    admission: Admission
    limiter: Limiter

    def begin(self, head: ClientHead) -> OpenExchange:
        """An exchange with an open capture and known credentials."""
        exchange = Exchange(self.policy, max_body=self.max_body)
        proxied = head.proxied
        place = self.destinations.of(head.path) if proxied is None else self.destinations.at(proxied, head.path)
        redacted = redact_request(
            head.headers,
            head.query,
            self.fingerprints,
            path_credentials=place.credentials,
            also_secret=place.secret_headers,
        )
        return OpenExchange(exchange, redacted, self, head, place)


@dataclass(slots=True)
class OpenExchange:
    """One exchange under way."""

    exchange: Exchange
    redacted: Redacted
    context: TapContext
    head: ClientHead
    place: Place
    admitted: Admitted | None = None
    """Whose request it is, where access keys are in use."""
    mask: KeyMask | None = None
    """Hides the provider's key that was sent in place of the access key."""
    limited: LimitedRequest | None = None
    """What it takes of limits, where there are any."""

    @property
    def query(self) -> bytes:
        """The query for the upstream."""
        return self.head.query if self.admitted is None else self.admitted.query

    def capture_head(self, length: int | None, *, is_session: bool = False) -> Destination | None:
        """Capture the request's head, and return the destination; None if no provider knows the path.

        Raises ExchangeFault if it must not be forwarded.
        """
        head, place = self.head, self.place
        fault = self._not_admitted()
        is_recorded = True
        if fault is None and self.context.admission.is_on:
            fault = self._admit()
            if fault is not None and not self.context.policy.records_stranger(fault.message):
                is_recorded = False
                self.exchange.forgo()
        if fault is None and self.context.limiter.is_on and place.destination is not None:
            fault = self._check_limits(is_session)
            if fault is not None and not self.context.policy.records_limited(fault.cause):
                is_recorded = False
                self.exchange.forgo()
        destination = place.destination if fault is None else None
        self.exchange.request(
            method=head.method,
            path=head.path,
            http_version=head.http_version,
            redacted=self.redacted,
            client=head.client,
            provider=place.provider,
            upstream_path=place.upstream_path,
            upstream=destination.shown if destination is not None else None,
            operation=place.operation,
            version=__version__,
            length=length,
            user=None if self.admitted is None else self.admitted.user.name,
            is_proxied=head.proxied is not None,
        )
        if is_recorded:
            self.check_captured()
        if fault is not None:
            raise fault
        if self.admitted is not None and destination is not None:
            self._take_provider_key(self.admitted, destination)
        return destination

    def upstream_headers(self, destination: Destination) -> RawHeaders:
        """The client's headers, and those of the settings that it has not sent: what is secret in them is learned."""
        headers = self.head.headers if self.admitted is None else self.admitted.headers
        added = [(name, value) for name, value in destination.added if value_of(headers, name) is None]
        for _, value in added:
            self.redacted.take(value)
        return [*headers, *added] if added else headers

    def check_captured(self) -> None:
        """Raises ExchangeFault if the exchange has no complete capture and must not be forwarded without one."""
        policy = self.context.policy
        if policy.refuses and not self.exchange.is_captured:
            raise no_room(policy.full or policy.lost.last or "the capture cannot be written")

    def _not_admitted(self) -> ExchangeFault | None:
        headers, proxied = self.head.headers, self.head.proxied
        if proxied is not None:
            # Whoever may use the forward proxy has been asked that already, and no page can.
            other = proxied.misdirected(headers)
            return misdirected(proxied.target.authority, other) if other is not None else None
        host = (value_of(headers, b"host") or b"").decode("latin-1")
        # Programs may leave it out, browsers never do.
        if host and not self.context.origin_check.knows_host(host):
            return foreign_host(host)
        origin = value_of(headers, b"origin")
        if origin is not None:
            name = origin.decode("latin-1")
            if not self.context.origin_check.welcomes_origin(name) and not is_same_origin(name, host):
                return foreign_origin(name)
        return None

    def _admit(self) -> ExchangeFault | None:
        found = self.context.admission.admit(self.head)
        if isinstance(found, ExchangeFault):
            return found
        self.admitted = found
        return None

    def _check_limits(self, is_session: bool) -> ExchangeFault | None:
        user = None if self.admitted is None else self.admitted.user.name
        self.limited = self.context.limiter.begin(self.head, self.place, user, is_session=is_session)
        try:
            if self.limited is not None:
                self.limited.check(time.time())
        except ExchangeFault as fault:
            return fault
        return None

    def reserve(self, body: bytes | None, size: int) -> None:
        """Reserve what the request may use of limits: see `LimitedRequest.reserve`. Raises ExchangeFault."""
        if self.limited is None:
            return
        try:
            # By the present time: since the head arrived, windows may have ended whose place is another one's by now.
            reserved = self.limited.reserve(body, size, time.time())
        except ExchangeFault as fault:
            if not self.context.policy.records_limited(fault.cause):
                self.exchange.forgo_unwritten()
            raise
        if reserved is not None:
            self.exchange.reserved(reserved)

    def _take_provider_key(self, admitted: Admitted, destination: Destination) -> None:
        self.admitted, self.mask = self.context.admission.with_provider_key(admitted, destination, self.place.provider)
        if self.mask is not None:
            self.redacted.take(self.mask.key)

    def refusal(self) -> ExchangeFault:
        """No provider knows the path."""
        return refused_path(self.head.path.decode("latin-1"), routing.known())

    async def run(
        self,
        way: Callable[[], Awaitable[None]],
        *,
        tell: Callable[[ExchangeFault], Awaitable[None]],
        client_left: Callable[[], bool],
    ) -> None:
        """Run the exchange, report errors to the client, and end the capture. No other place ends it.

        A cancellation means that the client has left, if `client_left` says so, else that this process ends.
        """
        outcome, details = Outcome.PROXY_ERROR, None
        try:
            try:
                await way()
                outcome = _outcome_of(self.exchange.closing)
            except ExchangeFault as fault:
                # What an upstream has sent, or a path, may be quoted in it.
                fault.message = self.redacted.clean(fault.message)
                outcome, details = fault.outcome, fault.message
                await tell(fault)
        except (asyncio.CancelledError, ClientLeft):
            if client_left():
                outcome, details = Outcome.CLIENT_DISCONNECTED, None
            else:
                ending = shutting_down()
                outcome, details = ending.outcome, str(ending)
                await tell(ending)
        except Exception as exc:
            failure = proxy_error(exc)
            outcome, details = failure.outcome, mask_in(self.redacted.clean(repr(exc)))
            # Not the traceback: it may hold the URL, and with it a credential.
            _log.error("exchange %s failed: %s", self.exchange.id, details)
            await tell(failure)
        finally:
            self.exchange.end(outcome, details)
            if self.limited is not None:
                self.limited.give_back()


def _outcome_of(closing: Closing | None) -> Outcome:
    """How an exchange ended that came to its end; `closing` is None for a request."""
    if closing is None or closing["code"] != ABNORMAL:
        return Outcome.COMPLETE
    return Outcome.CLIENT_DISCONNECTED if closing["by"] == "client" else Outcome.UPSTREAM_DISCONNECTED
