"""The ledger beside the store."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from bson import ObjectId

from gemtap.interaction import Interaction
from gemtap.stores.base import Filter, Store
from tests.crash.storm.ledger import HEADER, Exchange, Ledger


@dataclass
class Accounts:
    """What became of the exchanges. The lists have numbers of exchanges."""

    begun: int
    crossed: int
    """Exchanges that the upstream has seen."""
    answered: int
    """Exchanges whose answer the client has got to its end."""
    documents: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    lost: list[int] = field(default_factory=list)
    """The upstream or the client saw it, and there is no document."""
    twice: list[int] = field(default_factory=list)
    """There is more than one document."""
    cut: list[int] = field(default_factory=list)
    """The document lacks bytes that one of the ends has had."""

    @property
    def is_balanced(self) -> bool:
        return not (self.lost or self.twice or self.cut)


async def settle(ledger: Ledger, store: Store) -> Accounts:
    """Compare every exchange with its documents."""
    found: dict[int, list[ObjectId]] = defaultdict(list)
    outcomes: Counter[str] = Counter()
    accounts = Accounts(
        begun=len(ledger.exchanges),
        crossed=sum(each.reached_upstream for each in ledger.exchanges),
        answered=sum(each.whole for each in ledger.exchanges),
    )
    async for document in store.scan(Filter()):
        number = int(str(document["request"]["headers"][HEADER]))
        found[number].append(document["_id"])
        outcomes[document["outcome"]] += 1
        if not await _has_all(ledger.exchanges[number], document, store):
            accounts.cut.append(number)
    accounts.documents, accounts.outcomes = outcomes.total(), outcomes
    accounts.lost = [
        each.number for each in ledger.exchanges if (each.reached_upstream or each.id) and each.number not in found
    ]
    accounts.twice = [number for number, ids in found.items() if len(ids) > 1]
    return accounts


async def _has_all(exchange: Exchange, document: Interaction, store: Store) -> bool:
    """Whether the document has at least what reached either end, and, where the answer was whole, just that."""
    if exchange.kind == "session":
        return session_received(document).startswith(exchange.received)
    sent = await store.raw(document["_id"], "request") or b""
    received = await store.raw(document["_id"], "response") or b""
    return (
        exchange.sent.startswith(sent)
        and len(sent) >= exchange.upstream_took
        and received.startswith(exchange.received)
        and (received == exchange.received or not exchange.whole)
        and exchange.id in (None, str(document["_id"]))
    )


def session_received(session: Interaction) -> bytes:
    """The messages of the upstream, one a line, as the client notes them."""
    response = session["response"]
    # A session that could not be opened has an answer of another kind.
    if response is None or response["status"] != 101 or not isinstance(response["body"], dict):
        return b""
    messages = response["body"]["messages"]
    return b"".join(_as_sent(message["data"]) + b"\n" for message in messages)


def _as_sent(data: object) -> bytes:
    return json.dumps(data).encode()
