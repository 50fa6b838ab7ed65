"""What an interaction takes of a limit once it is recorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from gemtap.capture.events import Reservation
from gemtap.interaction import NO_TOKENS, Interaction, Reserved
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assemble import assemble
from gemtap.recorder.settling import settlement_of
from gemtap.stores.limit_usage import Sums, WindowKey
from tests.captures import make_capture
from tests.records import make_record

DAY = datetime(2026, 3, 14, tzinfo=UTC)
START, ENDS = int(DAY.timestamp()), int((DAY + timedelta(days=1)).timestamp())
RESERVED = 500
LEDGER, LIMIT = "8f2a11c0beef8f2a", 2**48 - 1


def reserved(measure: str) -> Reserved:
    return {
        "ledger": LEDGER,
        "limit": LIMIT,
        "measure": measure,
        "start": DAY,
        "ends": DAY + timedelta(days=1),
        "amount": RESERVED,
    }


def used(measure: str = "tokens", **fields: Any) -> int:
    """What a record with these fields uses of a limit that had reserved `RESERVED` for it."""
    settlement = settlement_of(make_record(reserved=[reserved(measure)], **fields).document, LEDGER)
    assert settlement is not None
    (share,) = settlement.shares
    assert (share.window, share.ends, share.sums.reserved) == (WindowKey(LIMIT, START), ENDS, RESERVED)
    return share.sums.used


def test_a_complete_answer_settles_what_it_says() -> None:
    """Tokens are the total, cost is in micro-dollars, rounded up."""
    assert used(tokens={**NO_TOKENS, "total": 9}) == 9
    assert used("cost", cost={"usd": 0.0001251, "source": "test"}) == 126
    assert used("cost", cost={"usd": 0.0, "source": "test"}) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"answered": False, "request_duration_ms": None, "outcome": "upstream_unreachable"},
        {"response": {"status": 429}},
        {"response": {"status": 503}},
        {"operation": "countTokens"},
    ],
    ids=str,
)
def test_what_no_api_bills_uses_nothing(fields: dict[str, Any]) -> None:
    """A request that was not sent, an error without usage, and a look-up."""
    assert used(tokens=NO_TOKENS, **fields) == 0
    assert used("cost", cost=None, **fields) == 0


def test_an_answer_without_usage_keeps_the_estimate() -> None:
    """Neither tokens nor a price is known."""
    assert used(tokens=NO_TOKENS) == RESERVED
    assert used("cost", cost=None) == RESERVED
    assert used("cost", cost={"usd": None, "source": None, "missing": "no price is known"}) == RESERVED


@pytest.mark.parametrize("outcome", ["interrupted", "client_disconnected", "upstream_disconnected", "shutdown"])
def test_an_answer_that_broke_off_uses_at_least_the_estimate(outcome: str) -> None:
    """Nobody knows what the upstream bills of it; what it has reported already counts if it is more."""
    assert used(outcome=outcome, tokens={**NO_TOKENS, "total": 9}) == RESERVED
    assert used(outcome=outcome, tokens={**NO_TOKENS, "total": RESERVED + 1}) == RESERVED + 1
    assert used(outcome=outcome, tokens=NO_TOKENS) == RESERVED


def test_an_interrupted_request_keeps_its_estimate_although_nothing_says_that_it_was_sent() -> None:
    """The tap that would have said it was killed before the response came."""
    assert used(answered=False, request_duration_ms=None, outcome="interrupted", tokens=NO_TOKENS) == RESERVED


def test_a_session_uses_what_it_reports() -> None:
    """However it ended: no estimate says how long a session is."""
    assert used(outcome="client_disconnected", response={"status": 101}, tokens={**NO_TOKENS, "total": 9}) == 9


def test_nothing_is_settled_of_requests_or_without_limits() -> None:
    """Requests are counted exactly when they are admitted."""
    assert settlement_of(make_record().document, LEDGER) is None
    assert settlement_of(make_record(reserved=[reserved("requests")]).document, LEDGER) is None


def test_what_another_ledger_counts_is_not_settled_here() -> None:
    """A spool may be moved to another data directory."""
    assert settlement_of(make_record(reserved=[reserved("tokens")]).document, "another") is None


def test_an_interrupted_capture_is_not_final() -> None:
    """The complete one may follow."""
    limit: Reservation = {"limit": LIMIT, "measure": "tokens", "start": START, "ends": ENDS, "amount": RESERVED}

    def document(outcome: str | None) -> Interaction:
        capture = make_capture(reserved={"ledger": LEDGER, "limits": [limit]}, outcome=outcome)
        now = datetime.now(UTC)
        return assemble(capture, id=ObjectId(), recorded_at=now, providers=PROVIDERS).document

    complete, interrupted = settlement_of(document("complete"), LEDGER), settlement_of(document(None), LEDGER)
    assert complete is not None
    assert interrupted is not None
    assert (complete.is_final, interrupted.is_final) == (True, False)
    assert [each.sums for each in interrupted.shares] == [Sums(RESERVED, RESERVED)]
