"""Errors of the forward proxy."""

from __future__ import annotations

from gemtap.interaction import Outcome
from gemtap.tap.errors import ExchangeFault


def misdirected(target: str, other: str) -> ExchangeFault:
    """A request through the forward proxy names two hosts."""
    message = (
        f"Gemtap does not forward this request: the client asked the proxy for {target}, and the request has {other}. "
        "Send it to one host."
    )
    return ExchangeFault(Outcome.REFUSED, 421, "INVALID_ARGUMENT", message)


def private_target(cause: str) -> ExchangeFault:
    """The forward proxy does not lead into the local network."""
    message = (
        f"Gemtap's proxy does not connect to it: {cause}. Add the host to NO_PROXY, so that the client connects "
        "itself, or set tunnel_private = true."
    )
    return ExchangeFault(Outcome.REFUSED, 403, "PERMISSION_DENIED", message)


def stranger() -> ExchangeFault:
    """A client of another machine uses the forward proxy."""
    message = (
        "Gemtap is a forward proxy for programs of its own machine, and for others only with access keys: "
        "docs/access.md. Set the client's base URL instead."
    )
    return ExchangeFault(Outcome.REFUSED, 403, "PERMISSION_DENIED", message)


def key_needed() -> ExchangeFault:
    """The forward proxy needs an access key, and the client has shown none, or one that is not valid."""
    message = (
        "Gemtap's forward proxy needs an access key, as user name or password of the proxy's URL: "
        "http://KEY@localhost:4360. Whoever runs this Gemtap makes one: gemtap keys add NAME."
    )
    return ExchangeFault(Outcome.REFUSED, 407, "UNAUTHENTICATED", message)


def no_forward_proxy() -> ExchangeFault:
    """The forward proxy is turned off."""
    message = "This Gemtap is no forward proxy (forward_proxy = off). Set the client's base URL instead."
    return ExchangeFault(Outcome.REFUSED, 405, "UNIMPLEMENTED", message)


def too_many_tunnels(limit: int) -> ExchangeFault:
    """No tunnel can be opened beside the others."""
    message = f"Gemtap's proxy has {limit} open tunnels. Close some, or try again later."
    return ExchangeFault(Outcome.REFUSED, 503, "RESOURCE_EXHAUSTED", message)


def bad_target(what: str) -> ExchangeFault:
    """A request to the forward proxy that it cannot follow."""
    return ExchangeFault(Outcome.REFUSED, 400, "INVALID_ARGUMENT", f"Gemtap's proxy cannot follow this: {what}.")
