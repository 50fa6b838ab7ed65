"""Secrets in a store: found by what the APIs declare to be secret and by the forms of well-known keys, and removed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast
from urllib.parse import unquote_to_bytes

import msgpack
from bson import ObjectId

from gemtap.body import parse_body, serialise
from gemtap.exporters.jsonl import record_of
from gemtap.interaction import Interaction, Json, Side
from gemtap.known_secrets import KnownSecrets
from gemtap.providers.declared_secrets import secrets_of
from gemtap.providers.secrets import Paths, Secrets, plain
from gemtap.recorder.redact import WITHHELD
from gemtap.recorder.searchable import text_of
from gemtap.stores.base import Filter, Record, Store
from gemtap.stores.search_index import Searchable
from gemtap.tap.credentials import url_credentials
from gemtap.tap.scrubbing import Found, scrub
from gemtap.tap.signed_urls import clean_urls

_MARK: Final = b"[redacted]"
_REDACTED: Final = b"[redacted"
"""What a header or a member begins with that Gemtap has replaced, with or without a fingerprint."""

_AT_ONCE: Final = 20
"""Interactions that are indexed together."""

_SWITCHING_PROTOCOLS: Final = 101

_SIDES: Final[tuple[Side, ...]] = ("request", "response")
_SCHEMES: Final = ("bearer ", "token ", "basic ")


@dataclass(frozen=True)
class StoredSecret:
    """Where a secret stands in a store. Never the secret."""

    id: ObjectId
    where: str
    """`request.headers.x-api-key`, `request.query.key`, `request.body.tools.headers.Authorization`, ..."""
    kind: str
    """For people: what it was recognized by."""


@dataclass
class Examined:
    """An interaction without its secrets, and what these were."""

    record: Record
    secrets: list[StoredSecret] = field(default_factory=list)


async def examine(store: Store) -> AsyncIterator[Examined]:
    """Every interaction of a store, oldest first. Raises StoreError."""
    known = KnownSecrets()
    async for document in store.scan(Filter()):
        record = await record_of(store, document)
        if record is not None:
            yield await asyncio.to_thread(examined, record, known)


async def redact_examined(store: Store, found: Sequence[Examined]) -> int:
    """Store these interactions without their secrets, and say how many were still there. Raises StoreError."""
    links = await store.links.of([each.record.document["_id"] for each in found])
    records = [
        replace(each.record, links=links.get(each.record.document["_id"], ()), text=text_of(each.record.document))
        for each in found
    ]
    return await store.replace(records)


async def make_searchable_again(store: Store) -> None:
    """Have words of interactions indexed whose part of the index was dropped. Raises StoreError."""
    while documents := await store.search_index.due(limit=_AT_ONCE):
        texts = await asyncio.to_thread(lambda some: [text_of(each) for each in some], documents)
        await store.search_index.add(
            Searchable(each["_id"], text, each["note"], each["thread"])
            for each, text in zip(documents, texts, strict=True)
        )


def examined(record: Record, known: KnownSecrets) -> Examined:
    """The record without what is secret in it. Where nothing is, it is the same record."""
    search = _Search(record, known)
    search.run()
    if not search.secrets:
        return Examined(record)
    return Examined(search.redacted(), search.secrets)


class _Search:
    """The search through one record."""

    def __init__(self, record: Record, known: KnownSecrets) -> None:
        self._record = record
        self._known = known
        self._document: dict[str, Any] = dict(record.document)
        self._declared: Secrets = secrets_of(record.document["provider"])
        self._found: Found = {}
        self._marked: set[tuple[str, ...]] = set()
        """Members that are replaced whole, however short they are."""
        self.secrets: list[StoredSecret] = []

    def run(self) -> None:
        """Fill `secrets`."""
        operation = self._declared.of(self._document["request"]["path"].encode("utf-8", "surrogatepass"))
        for side, paths in (("request", operation.request), ("response", operation.response)):
            part = self._document[side]
            if part is None:
                continue
            self._search_headers(side, part["headers"])
            self._search_members(paths, part["body"], (side, "body"))
            for message in self._messages(cast(Side, side)):
                for text in _values(message) if paths.may_be_in(message) else ():
                    self._search_members(paths, parse_body(text).value, (side, "body"))
                self._search_text(message, f"{side}.body")
        self._search_query(self._document["request"].get("query") or "")
        for where, stored in _texts(self._document, ""):
            self._search_text(stored.encode("utf-8", "surrogatepass"), where)

    def redacted(self) -> Record:
        """The record without what was found."""
        document = cast(Interaction, self._clean(self._document, ()))
        raws = {side: self._clean_raw(side) for side in _SIDES}
        for side in _SIDES:
            part: Any = document[side]
            before: Any = self._document[side]
            if part is None or (part["body"] == before["body"] and raws[side] == self._raw(side)):
                continue
            part["body_redacted"] = True
            if self._record.accumulated and side == "response" and raws[side] == self._raw(side):
                # It came in pieces, of which none has it whole.
                raws[side] = b""
                part["body_incomplete"] = WITHHELD
        return replace(self._record, document=document, request_raw=raws["request"], response_raw=raws["response"])

    def _found_one(self, secret: bytes, where: str, kind: str) -> None:
        if secret.startswith(_REDACTED) or not secret.strip():
            return
        self._found[secret] = _MARK
        if all((each.where, each.kind) != (where, kind) for each in self.secrets):
            self.secrets.append(StoredSecret(self._document["_id"], where, kind))

    def _search_headers(self, side: str, headers: dict[str, Any]) -> None:
        for name, values in headers.items():
            is_secret = name.encode("utf-8", "surrogatepass") in self._declared.headers
            for value in values if isinstance(values, list) else [values]:
                if not is_secret:
                    for credential in url_credentials(value.encode("utf-8", "surrogatepass")):
                        self._found_one(credential, f"{side}.headers.{name}", "URL")
                    continue
                secret = next((value[len(each) :] for each in _SCHEMES if value.lower().startswith(each)), value)
                if not _is_redacted(secret):
                    self._marked.add((side, "headers", name))
                    self._found_one(secret.encode("utf-8", "surrogatepass"), f"{side}.headers.{name}", "header")

    def _search_query(self, query: str) -> None:
        for pair in query.split("&"):
            name, _, value = pair.partition("=")
            known = unquote_to_bytes(name).lower() in self._declared.queries | self._declared.signatures
            if known and not _is_redacted(value):
                self._found_one(value.encode("utf-8", "surrogatepass"), f"request.query.{name}", "query parameter")

    def _search_members(self, paths: Paths, value: Json, at: tuple[str, ...]) -> None:
        names = [plain(name) for name in at[2:]]
        for name, inner in _members(value):
            below = (*at, name) if name is not None else at
            self._search_members(paths, inner, below)
        if isinstance(value, str) and names and paths.lead_to(names) and not _is_redacted(value):
            self._marked.add(at)
            self._found_one(value.encode("utf-8", "surrogatepass"), ".".join(at), "declared by the API")

    def _search_text(self, text: bytes, where: str) -> None:
        for start, end, kind in self._known.find(text):
            self._found_one(text[start:end], where, kind)

        def take(signature: bytes) -> bytes:
            self._found_one(signature, where, "signed URL")
            return _MARK

        clean_urls(text, take)

    def _raw(self, side: Side) -> bytes:
        return self._record.request_raw if side == "request" else self._record.response_raw

    def _messages(self, side: Side) -> Iterator[bytes]:
        """The bytes of a body; of a session the bytes of each message."""
        raw = self._raw(side)
        if not self._is_session:
            yield raw
            return
        for _, message in _unpacked(raw):
            yield message.encode("utf-8", "surrogatepass") if isinstance(message, str) else message

    @property
    def _is_session(self) -> bool:
        response = self._document["response"]
        return response is not None and response["status"] == _SWITCHING_PROTOCOLS

    def _clean(self, value: Any, at: tuple[str, ...]) -> Any:
        """A value of the document without what was found."""
        match value:
            case str():
                if at in self._marked:
                    return _MARK.decode()
                return self._scrubbed(value.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
            case bytes():
                return self._scrubbed(value)
            case list():
                return [self._clean(item, at) for item in value]
            case dict():
                return {name: self._clean(item, (*at, name)) for name, item in value.items()}
            case _:
                return value

    def _clean_raw(self, side: Side) -> bytes:
        raw = self._raw(side)
        if self._is_session:
            return b"".join(
                msgpack.packb([at, self._clean_message(message, side)], unicode_errors="surrogatepass")
                for at, message in _unpacked(raw)
            )
        return self._clean_body(raw, side)

    def _clean_message(self, message: str | bytes, side: Side) -> str | bytes:
        if isinstance(message, bytes):
            return self._clean_body(message, side)
        clean = self._clean_body(message.encode("utf-8", "surrogatepass"), side)
        return clean.decode("utf-8", "surrogatepass")

    def _clean_body(self, raw: bytes, side: Side) -> bytes:
        clean = self._scrubbed(raw)
        parsed = parse_body(clean)
        if parsed.is_json:
            value = self._clean(parsed.value, (side, "body"))
            if value != parsed.value:
                return serialise(value)
        return clean

    def _scrubbed(self, text: bytes) -> bytes:
        return self._known.replace(scrub(text, self._found), _MARK)


def _is_redacted(value: str) -> bool:
    return not value.strip() or value.partition(" ")[2].startswith("[redacted") or value.startswith("[redacted")


def _members(value: Json) -> Iterator[tuple[str | None, Json]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        for item in value:
            yield None, item


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Every text of a document, with the names of the members that lead to it; within a body just the body's."""
    match value:
        case str():
            yield where, value
        case dict():
            for name, item in value.items():
                below = f"{where}.{name}".removeprefix(".")
                yield from _texts(item, where if where.endswith(".body") else below)
        case list():
            for item in value:
                yield from _texts(item, where)


def _values(message: bytes) -> Iterator[bytes]:
    """The JSON texts of a body or a message: itself, or the data of each server-sent event."""
    if b"data:" not in message:
        yield message
    for line in message.splitlines():
        if line.startswith(b"data:"):
            yield line.removeprefix(b"data:")


def _unpacked(raw: bytes) -> Iterator[tuple[int, str | bytes]]:
    unpacker = msgpack.Unpacker(unicode_errors="surrogatepass", max_buffer_size=0)
    unpacker.feed(raw)
    yield from unpacker
