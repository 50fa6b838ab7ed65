"""Threads as a list shows them: titles and states."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, Final

from bson import ObjectId

from gemtap.conversation.model import Conversation, Text
from gemtap.conversation.preview import shorten
from gemtap.interaction import to_json
from gemtap.providers.documents import conversation_of
from gemtap.stores.base import Store
from gemtap.stores.thread_list import STATE_WORDS, ThreadItem

_MOST_READ: Final = 10
"""Documents that are read for titles of one page. Later threads of this kind keep the preview of their first turn."""


async def rows_of(
    store: Store, items: Sequence[ThreadItem], titles: dict[str, str], live: Collection[ObjectId] = ()
) -> list[dict[str, Any]]:
    """The threads as JSON, each with its `title` and `state_words`.

    `titles` keeps those that took a document. `live` are the threads that have an exchange in flight.
    """
    rows = []
    read = 0
    for item in items:
        row = to_json(item)
        title = item["preview"]["prompt"]
        if _is_no_persons(title):
            if row["id"] not in titles and read < _MOST_READ:
                read += 1
                titles[row["id"]] = await _first_said(store, item) or title or ""
            title = titles.get(row["id"], title)
        words = "live" if item["id"] in live else STATE_WORDS[item["state"]]
        span_ms = (item["last_at"] - item["first_at"]) / timedelta(milliseconds=1)
        rows.append(row | {"title": title, "state_words": words, "span_ms": span_ms})
    return rows


def _is_no_persons(title: str | None) -> bool:
    """Whether a preview shows the result of a tool or a medium, because recording began in mid-conversation."""
    return title is None or title.startswith(("⟵", "["))


async def _first_said(store: Store, item: ThreadItem) -> str | None:
    document = await store.get(item["id"])
    conversation = conversation_of(document) if document is not None else None
    return None if conversation is None else first_said(conversation)


def first_said(conversation: Conversation) -> str | None:
    """The beginning of the first text of a person, or None."""
    said = (
        part.text
        for message in conversation.prompt
        if message.role == "user"
        for part in message.parts
        if isinstance(part, Text) and part.text.strip()
    )
    first = next(said, None)
    return None if first is None else shorten(first)
