"""Loops are told once: the same request again and again, or a context that grows and grows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bson import ObjectId

from gemtap.incident import Incident
from gemtap.interaction import NO_TOKENS
from gemtap.recorder.unusual_rates import SAME, TURNS, UnusualRates
from gemtap.stores.base import Record
from tests.records import NOON, make_record

CLIENT = {"name": "cline", "version": None, "user_agent": None, "address": None, "key": "k", "user": "ana"}


def told(rates: UnusualRates, *records: Record) -> list[Incident]:
    return [incident for record in records for incident in rates.look([record])]


def repeated(times: int, every: timedelta, **fields: Any) -> list[Record]:
    return [make_record(timestamp=NOON + number * every, client=CLIENT, **fields) for number in range(times)]


def turns(times: int, every: timedelta, *, growth: int, thread: ObjectId) -> list[Record]:
    return [
        make_record(
            timestamp=NOON + number * every,
            client=CLIENT,
            request_raw=b'{"turn":%d}' % number,
            tokens={**NO_TOKENS, "input": 1000 + number * growth},
            thread={"id": thread, "turn": number + 1, "parent": None, "new_messages": 2},
        )
        for number in range(times)
    ]


def test_the_same_request_again_and_again_is_told_once() -> None:
    """At the request that makes it unusual; and once more if it goes on for an hour."""
    rates = UnusualRates()
    records = repeated(SAME + 30, timedelta(seconds=2))
    (warning,) = told(rates, *records)
    assert warning["message"] == "cline of ana sent the same request 20 times within 38 s. It may be in a loop."
    assert warning["details"] == {"interaction": str(records[SAME - 1].document["_id"]), "concerns": "ana"}
    later = repeated(SAME, timedelta(seconds=2))
    for record in later:
        record.document["timestamp"] += timedelta(hours=2)
    assert len(told(rates, *later)) == 1


def test_what_is_no_loop_is_not_told() -> None:
    """Fewer, slower, or other requests; and those of somebody else."""
    rates = UnusualRates()
    assert told(rates, *repeated(SAME - 1, timedelta(seconds=1))) == []
    assert told(UnusualRates(), *repeated(SAME * 3, timedelta(seconds=60))) == []
    others = [make_record(timestamp=NOON, request_raw=b"%d" % number, client=CLIENT) for number in range(SAME * 3)]
    assert told(UnusualRates(), *others) == []
    users = [make_record(timestamp=NOON, client={**CLIENT, "user": f"user{number}"}) for number in range(SAME * 3)]
    assert told(UnusualRates(), *users) == []
    looks = repeated(SAME * 2, timedelta(seconds=1), request={"method": "GET"})
    assert told(UnusualRates(), *looks) == []


def test_a_context_that_grows_and_grows_is_told_once() -> None:
    """Many turns in a short time, with twice the input."""
    thread = ObjectId()
    (warning,) = told(UnusualRates(), *turns(TURNS + 20, timedelta(seconds=5), growth=100, thread=thread))
    assert "sent 60 turns of one conversation within 5 minutes" in warning["message"]
    assert "from 1,000 to 6,900 tokens" in warning["message"]


def test_a_long_conversation_is_no_loop() -> None:
    """People take their time, and a context that stays as it is costs no more with each turn."""
    assert told(UnusualRates(), *turns(TURNS + 20, timedelta(seconds=30), growth=100, thread=ObjectId())) == []
    assert told(UnusualRates(), *turns(TURNS + 20, timedelta(seconds=5), growth=1, thread=ObjectId())) == []


def test_what_is_watched_is_bounded() -> None:
    """However many different requests there are."""
    rates = UnusualRates()
    for number in range(6000):
        rates.look([make_record(request_raw=b"%d" % number)])
    assert len(rates._same.seen) == 5000
