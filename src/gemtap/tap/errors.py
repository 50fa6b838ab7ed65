"""Errors that end an exchange early, and their responses in the error format of the called API."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

from gemtap.addresses import mask
from gemtap.capture.events import RawHeaders
from gemtap.interaction import Outcome
from gemtap.limits.ledger import Refused
from gemtap.limits.limits import refusal_of, show_number
from gemtap.providers.routing import error_of, limited_of

_UNTIL_SETTLED: Final = 5
"""Seconds after which estimates may have been settled, so that there is room again."""


@dataclass
class ExchangeFault(Exception):
    """The exchange cannot continue. `message` says what happened and what to do."""

    outcome: Outcome
    status: int
    """The HTTP status for the client, if it has had none yet."""
    code: str
    """Google's canonical error code."""
    message: str
    retry_after: int | None = None
    """Seconds after which it makes sense to try again, where a limit is reached."""

    @property
    def cause(self) -> str:
        """The first sentence of the message, which is the same for every fault of one cause."""
        return self.message.partition(". ")[0]

    def __str__(self) -> str:
        return self.message


def refused_path(path: str, known: str) -> ExchangeFault:
    """No provider knows the path."""
    message = f"Gemtap forwards no path like {path}. It knows {known}. Check the base URL that the client is set to."
    return ExchangeFault(Outcome.REFUSED, 404, "NOT_FOUND", message)


def foreign_host(host: str) -> ExchangeFault:
    """The request was sent to a name that is not this machine's."""
    message = (
        f"Gemtap is not known as {host[:200]}. "
        "Use localhost in the client's base URL, or add the name to the setting allowed_hosts."
    )
    return ExchangeFault(Outcome.REFUSED, 403, "PERMISSION_DENIED", message)


def foreign_origin(origin: str) -> ExchangeFault:
    """The request comes from the web page of another site."""
    message = (
        f"Gemtap accepts no requests from web pages of {origin[:200]}. "
        "If this is your page, add its origin to the setting allowed_origins."
    )
    return ExchangeFault(Outcome.REFUSED, 403, "PERMISSION_DENIED", message)


def invalid_key() -> ExchangeFault:
    """The request has no access key, or one that is unknown. It is not said which: that would help only a stranger."""
    message = (
        "Gemtap needs an access key for this request. Give it where the API key goes, or in the header x-gemtap-key "
        "beside an API key of your own. Whoever runs this Gemtap makes one: gemtap keys add NAME."
    )
    return ExchangeFault(Outcome.REFUSED, 401, "UNAUTHENTICATED", message)


def expired_key() -> ExchangeFault:
    """The request has an access key that was valid once."""
    message = "This access key of Gemtap has expired. Whoever runs this Gemtap can renew it: gemtap keys rotate NAME."
    return ExchangeFault(Outcome.REFUSED, 401, "UNAUTHENTICATED", message)


def no_provider_key(provider: str) -> ExchangeFault:
    """The request has an access key and no API key, and Gemtap holds none."""
    message = (
        f"Gemtap holds no API key for {provider}. Send your own where it belongs, and the access key in the header "
        "x-gemtap-key, or ask whoever runs this Gemtap to add one: see provider_keys in docs/access.md."
    )
    return ExchangeFault(Outcome.REFUSED, 403, "PERMISSION_DENIED", message)


def limit_reached(refused: Refused, now: float) -> ExchangeFault:
    """The request would pass a limit. `now`: Unix time."""
    limit, window, amount = refused.claim
    shown = partial(show_number, limit.measure)
    if limit.measure == "concurrent":
        retry_after = 1
        state = f"{refused.used} requests are running. Wait until one has ended."
    else:
        retry_after = max(1, math.ceil(window.end - now))
        ends = datetime.fromtimestamp(window.end, UTC).isoformat().replace("+00:00", "Z")
        more = ""
        if refused.reserved:
            more = f", {shown(refused.reserved)} of it by estimates of requests that are under way"
            if refused.used - refused.reserved + amount < limit.amount:
                retry_after = min(retry_after, _UNTIL_SETTLED)
        if amount and limit.measure in ("tokens", "cost"):
            more += f"; this request may take {shown(amount)}"
        state = f"{shown(refused.used)} of {shown(limit.amount)} are used{more}. The window ends at {ends}."
    message = f"{refusal_of(limit)}{state} See all limits with: gemtap limits ls."
    return ExchangeFault(Outcome.REFUSED, 429, "RESOURCE_EXHAUSTED", message, retry_after)


def cannot_count(cause: str) -> ExchangeFault:
    """There are limits for the request, and nothing can be counted."""
    message = f"Gemtap cannot count this request, for which there are limits, and refuses it therefore: {cause}."
    return ExchangeFault(Outcome.REFUSED, 503, "UNAVAILABLE", message)


def no_room(cause: str) -> ExchangeFault:
    """The exchange cannot be captured, and the settings forbid to forward it uncaptured."""
    message = f"Gemtap cannot record this request and is set to refuse it then (when_full): {cause}. Free some space."
    return ExchangeFault(Outcome.REFUSED, 503, "RESOURCE_EXHAUSTED", message)


def upstream_unreachable(upstream: str, cause: str) -> ExchangeFault:
    """No connection came about."""
    message = f"Gemtap cannot reach {mask(upstream)}: {cause}. Check the network and the upstream's address."
    return ExchangeFault(Outcome.UPSTREAM_UNREACHABLE, 502, "UNAVAILABLE", message)


def bad_proxy(upstream: str, cause: str) -> ExchangeFault:
    """The proxy for the upstream cannot be used; `cause` says what to do."""
    message = f"Gemtap cannot reach {mask(upstream)}: {cause}"
    return ExchangeFault(Outcome.UPSTREAM_UNREACHABLE, 502, "UNAVAILABLE", message)


def upstream_timeout(upstream: str, seconds: float) -> ExchangeFault:
    """The upstream fell silent."""
    message = f"{mask(upstream)} sent nothing for {seconds:g} s. Gemtap's upstream_silence_timeout sets this limit."
    return ExchangeFault(Outcome.UPSTREAM_TIMEOUT, 504, "DEADLINE_EXCEEDED", message)


def upstream_disconnected(upstream: str, cause: str) -> ExchangeFault:
    """The upstream broke off, or what it sent is no HTTP."""
    message = f"{mask(upstream)} closed the connection before the response was complete: {cause}. Try again."
    return ExchangeFault(Outcome.UPSTREAM_DISCONNECTED, 502, "UNAVAILABLE", message)


def shutting_down() -> ExchangeFault:
    """Gemtap ends before the exchange does."""
    return ExchangeFault(Outcome.SHUTDOWN, 503, "UNAVAILABLE", "Gemtap is shutting down. Try again when it is back.")


def proxy_error(exc: BaseException) -> ExchangeFault:
    """A bug in Gemtap. Only the type is shown, since the text of an exception may contain a credential."""
    message = f"An internal error of Gemtap stopped this request ({type(exc).__name__}). See the log of `gemtap serve`."
    return ExchangeFault(Outcome.PROXY_ERROR, 500, "INTERNAL", message)


def answer(status: int, code: str, message: str, provider: str = "") -> tuple[RawHeaders, bytes]:
    """Headers and body of an error in the shape of the provider; without one, of the default provider."""
    return error_of(provider, status, code, message)


def answer_to(fault: ExchangeFault, provider: str) -> tuple[RawHeaders, bytes]:
    """The same for a fault."""
    if fault.retry_after is not None:
        return limited_of(provider, fault.message, fault.retry_after)
    return answer(fault.status, fault.code, fault.message, provider)
