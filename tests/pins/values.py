"""What is pinned of an exchange: all that Gemtap reads out of it, in a compact form.

Short values are pinned unchanged. A longer text is pinned by its beginning, its length and a hash, so that a
difference shows which field has changed and how it began.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bson import ObjectId

from gemtap.conversation.model import Conversation, Message, Part
from gemtap.dialects.cut_points import cut_points
from gemtap.exporters.base import ExportOptions, Report
from gemtap.exporters.registry import FORMATS
from gemtap.interaction import Interaction, to_json
from gemtap.providers.documents import conversation_of
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assemble import assemble
from gemtap.recorder.count_once import count_once, has_place
from gemtap.recorder.fingerprint import Fingerprint, stored_fingerprint
from gemtap.recorder.searchable import text_of
from gemtap.recorder.threads import Threads
from gemtap.stores.base import Record, Store
from gemtap.stores.opening import open_store
from tests.pins.sample import Sample

RECORDED_AT = datetime(2026, 3, 15, tzinfo=UTC)

_SHORT = 48
"""Characters of a value that is kept as it is."""
_BEGINNING = 24
_DEEPEST = 3
_NEWER = ("media=()", "cut=None", "form=None")
_COPIED = ("method", "path", "query", "http_version", "headers", "chunks")

Pins = dict[str, Any]
"""By the sample's name; training lines by the format's."""


async def pins_of(samples: Iterable[Sample], folder: Path) -> Pins:
    """The pins of a group of samples, recorded one after the other into one store in this folder."""
    store = open_store(f"sqlite:///{folder / 'pins.db'}")
    await store.open()
    try:
        threads = Threads(store)
        found = {sample.name: await _pinned(sample, threads, store) for sample in samples}
        return found | await _training_lines(store)
    finally:
        await store.close()


async def _pinned(sample: Sample, threads: Threads, store: Store) -> Any:
    record = assemble(sample.capture, id=sample.id, recorded_at=RECORDED_AT, providers=PROVIDERS)
    (record,) = await count_once(store, [record])
    fingerprint = stored_fingerprint(record.document) if has_place(record) else None
    (placed,) = await threads.place([(record, fingerprint)])
    record = placed.record
    text = text_of(record.document)
    await store.put([replace(record, text=text)])
    stored = await store.get(sample.id)
    assert stored is not None
    pinned = {
        **_document(record.document),
        "read back": "equal" if to_json(stored) == to_json(record.document) else compact(to_json(stored)),
        "exact bytes": [_hash(record.request_raw), _hash(record.response_raw), record.accumulated],
        "cut points": [_cuts(record.request_raw), _cuts(record.response_raw)],
        "fingerprint": None if fingerprint is None else compact(_fingerprint(fingerprint)),
        "search text": compact(text),
        "conversation": _conversation(conversation_of(record.document)),
    }
    return {name: value for name, value in pinned.items() if value is not None}


def _document(document: Interaction) -> dict[str, Any]:
    """What is left out is the same in all, or is pinned elsewhere."""
    shown = to_json(document)
    for name in ("id", "timestamp", "recorded_at", "schema_version", "upstream", "tags", "rating", "note"):
        shown.pop(name, None)
    for side in filter(None, (shown["request"], shown["response"])):
        # These are copied from the capture, and say little line by line.
        copied = {name: side.pop(name) for name in _COPIED if name in side}
        side["head"] = _hash(json.dumps(copied).encode())
    return {name: compact(value) for name, value in shown.items() if value is not None}


def _fingerprint(fingerprint: Fingerprint) -> Any:
    return {
        "links": _hash(b"".join(fingerprint.links)),
        "prompt_hash": _hash(fingerprint.prompt_hash),
        "candidates": [len(fingerprint.candidates), _hash(repr(fingerprint.candidates).encode())],
        "messages": fingerprint.messages,
    }


def _conversation(conversation: Conversation | None) -> Any:
    if conversation is None:
        return None
    return {
        "system": compact(conversation.system),
        "prompt": [len(conversation.prompt), _hash(_represented(conversation.prompt))],
        "last messages": [_message(message) for message in conversation.prompt[-2:]],
        "answer": conversation.answer and _message(conversation.answer),
        "tools": compact([asdict(tool) for tool in conversation.tools]),
        "ids": [conversation.id, conversation.previous],
        **_said(built_in=[asdict(tool) for tool in conversation.built_in], cache=conversation.cache),
    }


def _represented(messages: Sequence[Message]) -> bytes:
    """What the hash of a prompt is made of. Fields that are newer than the pins count where they say something."""
    text = repr(messages)
    for field in _NEWER:
        text = text.replace(f", {field}", "")
    return text.encode("utf-8", "replace")


def _message(message: Message) -> Any:
    return [message.role, *([type(part).__name__, compact(_fields(part))] for part in message.parts)]


def _fields(part: Part) -> Any:
    fields = asdict(part)
    older = {name: value for name, value in fields.items() if name not in ("media", "cut", "form")}
    return older | _said(media=fields.get("media"), cut=fields.get("cut"), form=fields.get("form"))


def _said(**fields: Any) -> dict[str, Any]:
    return {name: compact(value) for name, value in fields.items() if value}


def _cuts(raw: bytes) -> Any:
    return compact(cut_points(raw))


async def _training_lines(store: Store) -> Pins:
    found: Pins = {}
    for name, format_ in FORMATS.items():
        if format_.trains:
            for every_turn in (False, True):
                report = Report()
                lines = [
                    piece.content async for piece in format_.write(store, ExportOptions(every_turn=every_turn), report)
                ]
                key = f"training lines: {name}, {'every turn' if every_turn else 'last turns'}"
                found[key] = {"report": report.as_json(), "lines": [_hash(line) for line in lines]}
    return found


def compact(value: Any, depth: int = 0) -> Any:
    """The value, its long parts shortened to a beginning and a hash."""
    if isinstance(value, ObjectId):
        value = str(value)
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), default=repr)
    if len(text) <= _SHORT:
        return json.loads(text)
    if isinstance(value, dict) and depth < _DEEPEST:
        return {name: compact(each, depth + 1) for name, each in value.items()}
    if isinstance(value, str):
        return f"{ascii(value[:_BEGINNING])[1:-1]}… {len(value)} characters {_hash(value.encode('utf-8', 'replace'))}"
    if isinstance(value, list):
        return f"{len(value)} items {_hash(text.encode())}"
    return f"{len(text)} characters of JSON {_hash(text.encode())}"


def _hash(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:10] if raw else "-"


def record_of(sample: Sample) -> Record:
    """The record of one sample, for who looks into a difference."""
    return assemble(sample.capture, id=sample.id, recorded_at=RECORDED_AT, providers=PROVIDERS)
