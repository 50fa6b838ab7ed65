"""Pages of threads, with the sums of each thread."""

from __future__ import annotations

import sqlite3
from typing import Final

from bson import ObjectId

from gemtap.stores.base import Filter
from gemtap.stores.paging import ThreadCursor, from_milliseconds
from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.queries import Query, Selection
from gemtap.stores.sqlite.rows import SqlValue, summary
from gemtap.stores.sqlite.searching import selection
from gemtap.stores.thread_list import ThreadItem, ThreadPage, ThreadSort, state_of

_BY_THREAD: Final = "INDEXED BY interactions_by_thread"
"""The planner does not know that a thread has few interactions."""

_VALUES: Final = {"turns": "count(*)", "tokens": "ifnull(sum(total_tokens), -1)", "cost": "ifnull(sum(cost_usd), -1)"}


def read_threads(
    connection: sqlite3.Connection, where: Filter, after: ThreadCursor | None, sort: ThreadSort, limit: int
) -> ThreadPage:
    """The threads with a matching interaction, from just after the cursor."""
    with transaction(connection, "DEFERRED"):
        selected = selection(connection, where)
        if sort == "latest":
            query = latest_query(selected, after, limit + 1)
        else:
            query = sorted_query(selected, after, sort, limit + 1)
        found = connection.execute(*query).fetchall()
        items = _items(connection, [thread for thread, _, _ in found[:limit]])
    if len(found) <= limit:
        return ThreadPage(items, None)
    _, value, id_ = found[limit - 1]
    return ThreadPage(items, ThreadCursor(sort, value, ObjectId(id_)).encode())


def latest_query(selected: Selection, after: ThreadCursor | None, limit: int) -> Query:
    """Threads, each at the place of its newest matching interaction.

    Reads matching interactions newest first until the page is full, and skips those that have a newer match in their
    thread.
    """
    matching, values = selected
    place: list[str] = []
    parameters = list(values)
    if after is not None:
        place.append("(timestamp, id) < (?, ?)")
        parameters += [int(after.value), after.id.binary]
    newer = ["newer.thread = one.thread", "(newer.timestamp, newer.id) > (one.timestamp, one.id)", *matching]
    return Query(
        "SELECT thread, timestamp, id FROM interactions AS one "  # noqa: S608 - our own names
        f"WHERE {' AND '.join([*matching, *place, '+thread IS NOT NULL'])} AND NOT EXISTS "
        f"(SELECT 1 FROM interactions AS newer {_BY_THREAD} WHERE {' AND '.join(newer)}) "
        "ORDER BY timestamp DESC, id DESC LIMIT ?",
        [*parameters, *values, limit],
    )


def sorted_query(selected: Selection, after: ThreadCursor | None, sort: ThreadSort, limit: int) -> Query:
    """Threads by a sum, the greatest first. This adds up all matching threads."""
    matching, parameters = selected
    among = place = ""
    if matching:
        among = f"AND thread IN (SELECT thread FROM interactions WHERE {' AND '.join(matching)}) "  # noqa: S608
    if after is not None:
        place = "HAVING (value, thread) < (?, ?) "
        parameters = [*parameters, after.value, after.id.binary]
    return Query(
        f"SELECT thread, {_VALUES[sort]} AS value, thread FROM interactions {_BY_THREAD} "  # noqa: S608 - our own names
        f"WHERE thread IS NOT NULL {among}GROUP BY thread {place}ORDER BY value DESC, thread DESC LIMIT ?",
        [*parameters, limit],
    )


def _items(connection: sqlite3.Connection, threads: list[bytes]) -> list[ThreadItem]:
    if not threads:
        # SQLite has no plan by way of a partial index for an empty list.
        return []
    asked: list[SqlValue] = [*threads]
    sums = {
        thread: numbers
        for thread, *numbers in connection.execute(
            "SELECT thread, count(*), min(timestamp), max(timestamp), sum(total_tokens), sum(cost_usd) "  # noqa: S608
            f"FROM interactions {_BY_THREAD} WHERE thread IN ({', '.join('?' * len(asked))}) GROUP BY thread",
            asked,
        )
    }
    failed = dict(
        connection.execute(
            "SELECT thread, count(*) FROM interactions INDEXED BY interactions_failed_by_thread "  # noqa: S608
            f"WHERE failed = 1 AND thread IN ({', '.join('?' * len(asked))}) GROUP BY thread",
            asked,
        )
    )
    return [_item(connection, thread, sums[thread], failed.get(thread, 0)) for thread in threads]


def _item(connection: sqlite3.Connection, thread: bytes, sums: list[int], failed: int) -> ThreadItem:
    first, last = (
        summary(
            connection.execute(
                f"SELECT document FROM interactions {_BY_THREAD} WHERE thread = ? "  # noqa: S608 - our own names
                f"ORDER BY timestamp {order}, id {order} LIMIT 1",
                (thread,),
            ).fetchone()[0]
        )
        for order in ("ASC", "DESC")
    )
    turns, first_at, last_at, tokens, cost = sums
    return {
        "id": ObjectId(thread),
        "turns": turns,
        "failed": failed,
        "first_at": from_milliseconds(first_at),
        "last_at": from_milliseconds(last_at),
        "model": last["model"],
        "client": last["client"]["name"],
        "tokens": tokens,
        "cost": cost,
        "preview": {"prompt": first["preview"]["prompt"], "answer": last["preview"]["answer"]},
        "state": state_of(last),
    }
