"""What an interaction has really used of the limits that had admitted it by an estimate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from gemtap.interaction import Interaction, Outcome, Reserved
from gemtap.limits.limits import Limit, refusal_of
from gemtap.providers.documents import is_billed
from gemtap.providers.reader import SESSION_STATUS
from gemtap.stores.limit_usage import LimitShare, Settlement, Sums, WindowKey

_MICRO: Final = 1_000_000
"""Micro-dollars in a dollar."""

_TOO_MANY: Final = 429

SETTLED_MEASURES: Final = ("tokens", "cost")


def settlement_of(document: Interaction, ledger: str) -> Settlement | None:
    """What it takes of tokens and cost in a ledger; None if no such limit of it has admitted the request.

    Requests are exact when they are admitted, so nothing of them is settled.
    """
    reserved = [each for each in document.get("reserved", ()) if each["ledger"] == ledger]
    shares = [_share(document, each) for each in reserved if each["measure"] in SETTLED_MEASURES]
    return Settlement(document["_id"], document["outcome"] != Outcome.INTERRUPTED, shares) if shares else None


def refused_by(document: Interaction, limits: Iterable[Limit]) -> Limit | None:
    """The limit that has refused it; None for any other interaction."""
    response, problem = document["response"], document["error"]
    if response is None or response["status"] != _TOO_MANY or document["outcome"] != Outcome.REFUSED or problem is None:
        return None
    return next((each for each in limits if problem["message"].startswith(refusal_of(each))), None)


def _share(document: Interaction, reserved: Reserved) -> LimitShare:
    window = WindowKey(reserved["limit"], int(reserved["start"].timestamp()))
    used = _used(document, reserved["measure"], reserved["amount"])
    return LimitShare(window, int(reserved["ends"].timestamp()), Sums(reserved["amount"], used))


def _used(document: Interaction, measure: str, reserved: int) -> int:
    """There are four cases: nothing can be billed; the usage is known; it is known so far; it is unknown.

    The last two keep the estimate: nobody knows what an upstream bills of an answer that broke off.
    """
    known = _known(document, measure)
    response = document["response"]
    if known is None:
        is_error = response is not None and response["status"] >= 400
        # An interrupted capture does not say whether it was: its tap was killed.
        was_sent = document["request_duration_ms"] is not None or document["outcome"] == Outcome.INTERRUPTED
        return reserved if was_sent and not is_error and is_billed(document) else 0
    is_session = response is not None and response["status"] == SESSION_STATUS
    return known if document["outcome"] == Outcome.COMPLETE or is_session else max(known, reserved)


def _known(document: Interaction, measure: str) -> int | None:
    """Tokens or micro-dollars as the document has them."""
    if measure == "tokens":
        return document["tokens"]["total"]
    cost = document["cost"]
    return None if cost is None or cost["usd"] is None else math.ceil(cost["usd"] * _MICRO)
