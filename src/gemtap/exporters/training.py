"""The common part of training formats: selected conversations become lines, without duplicates."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from typing import Any

from gemtap.conversation import Conversation
from gemtap.conversation.text_tools import with_arguments
from gemtap.exporters.base import Chunk, ExportOptions, Part, Report
from gemtap.exporters.selecting import NO_CONVERSATION, for_training, part_of
from gemtap.exporters.server_help import was_helped
from gemtap.exporters.stitching import BeginningMissing, whole_conversation
from gemtap.interaction import Interaction
from gemtap.stores.base import Store


class Unfit(Exception):
    """The format cannot hold the conversation. The message is a reason that reports count by."""


Example = dict[str, Any]
"""One line of the file, as a JSON object."""

Convert = Callable[[Conversation, int | None], Example]
"""Makes the line of a conversation, given the API's token counts. Raises Unfit."""


async def lines(store: Store, wanted: ExportOptions, report: Report, convert: Convert) -> AsyncIterator[Chunk]:
    """The lines of a training file."""
    with closing(sqlite3.connect("")) as seen:  # a temporary SQLite file, since there may be millions
        seen.execute("CREATE TABLE lines (hash BLOB PRIMARY KEY) WITHOUT ROWID")
        async for document in for_training(store, wanted, report):
            try:
                conversation = await _conversation(store, document, wanted, report)
                line = _line(convert(conversation, document["tokens"]["total"]))
                if not seen.execute("INSERT OR IGNORE INTO lines VALUES (?)", (_hash(line),)).rowcount:
                    raise Unfit("a duplicate")
            except Unfit as exc:
                report.left_out[str(exc)] += 1
                continue
            part: Part = part_of(_key(document, conversation), wanted.split)
            report.written[part] += 1
            yield Chunk(line, part)


async def _conversation(store: Store, document: Interaction, wanted: ExportOptions, report: Report) -> Conversation:
    if any(side and ("body_truncated" in side or "body_incomplete" in side) for side in _sides(document)):
        raise Unfit("a body is incomplete")
    try:
        conversation = await whole_conversation(store, document)
    except BeginningMissing:
        raise Unfit("its beginning is not recorded") from None
    if conversation is None:
        raise Unfit(NO_CONVERSATION)
    if conversation.answer is None:
        raise Unfit("no answer")
    if await was_helped(store, document, conversation):
        raise Unfit("an answer based on a search or another tool of the API")
    if not conversation.prompt:
        raise Unfit("no prompt")
    conversation = with_arguments(conversation)
    return conversation if wanted.scrub is None else wanted.scrub(conversation, report)


def _sides(document: Interaction) -> tuple[Any, ...]:
    return document["request"], document["response"]


def _key(document: Interaction, conversation: Conversation) -> bytes:
    """The key that decides the part of a split: the thread, or else the beginning of the conversation."""
    if document["thread"] is not None:
        return document["thread"]["id"].binary
    return repr((conversation.system, conversation.prompt[0])).encode("utf-8", "replace")


def _line(example: Example) -> bytes:
    return json.dumps(example, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def _hash(line: bytes) -> bytes:
    return hashlib.blake2b(line, digest_size=16).digest()
