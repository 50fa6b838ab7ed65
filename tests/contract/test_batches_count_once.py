"""Results of batches are counted once in both stores, however often somebody downloads them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import pytest
from bson import ObjectId

from gemtap.interaction import Interaction
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assemble import assemble
from gemtap.recorder.count_once import count_once
from gemtap.stores.base import Filter, Record, Store
from tests.captures import make_capture
from tests.unit.providers.google.recording import AT

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Batch:
    """How the results of a batch come: two answers of 1,000 input and 100 output tokens, and a failure."""

    provider: str
    path: str
    body: bytes
    usd: float
    query: str = ""

    def __str__(self) -> str:
        return f"{self.provider} {self.path}"


def _lines(*lines: Any) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


_MESSAGE: Final = {
    "type": "message",
    "model": "claude-opus-4-8",
    "usage": {"input_tokens": 1_000, "output_tokens": 100, "service_tier": "batch"},
}
_COMPLETION: Final = {
    "object": "chat.completion",
    "model": "gpt-4.1",
    "usage": {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100},
}
_CONTENT: Final = {
    "candidates": [{"content": {"parts": [{"text": "So."}], "role": "model"}, "finishReason": "STOP"}],
    "modelVersion": "gemini-2.5-flash",
    "usageMetadata": {"promptTokenCount": 1_000, "candidatesTokenCount": 100, "totalTokenCount": 1_100},
}
_REFUSED: Final = {"code": 3, "message": "Too long."}

_GEMINI_USD: Final = 2 * (1_000 * 0.30 + 100 * 2.50) / 2 / 1e6

ANTHROPIC: Final = Batch(
    "anthropic",
    "/v1/messages/batches/msgbatch_1/results",
    _lines(
        *({"custom_id": name, "result": {"type": "succeeded", "message": _MESSAGE}} for name in "ab"),
        {"custom_id": "c", "result": {"type": "errored", "error": {"error": {"message": "Too long."}}}},
    ),
    2 * (1_000 * 5 + 100 * 25) / 2 / 1e6,
)
OPENAI: Final = Batch(
    "openai",
    "/v1/files/file-1/content",
    _lines(
        *({"custom_id": name, "response": {"status_code": 200, "body": _COMPLETION}, "error": None} for name in "ab"),
        {"custom_id": "c", "response": {"status_code": 400, "body": {"error": {"message": "Too long."}}}},
    ),
    2 * (1_000 * 2 + 100 * 8) / 2 / 1e6,
)
GEMINI_FILE: Final = Batch(
    "gemini",
    "/download/v1beta/files/batch-1:download",
    _lines(*({"key": name, "response": _CONTENT} for name in "ab"), {"key": "c", "error": _REFUSED}),
    _GEMINI_USD,
    query="alt=media",
)
_INLINE: Final = {"inlinedResponses": {"inlinedResponses": [*2 * [{"response": _CONTENT}], {"error": _REFUSED}]}}
GEMINI_BATCH: Final = Batch(
    "gemini",
    "/v1beta/batches/b1",
    json.dumps(
        {
            "name": "batches/b1",
            "metadata": {"model": "models/gemini-2.5-flash", "state": "BATCH_STATE_SUCCEEDED", "output": _INLINE},
            "done": True,
            "response": _INLINE,
        }
    ).encode(),
    _GEMINI_USD,
)
BATCHES: Final = (ANTHROPIC, OPENAI, GEMINI_FILE, GEMINI_BATCH)


def download(batch: Batch, minute: int = 0, path: str | None = None, **fields: Any) -> Record:
    raw_path = (path or batch.path).encode()
    capture = make_capture(
        path=raw_path,
        query=batch.query.encode(),
        method="GET",
        provider=batch.provider,
        received=(AT + timedelta(minutes=minute)).timestamp(),
        request=[],
        response=[(3_000, fields.pop("body", batch.body))],
        response_headers=[(b"content-type", b"application/octet-stream")],
        **fields,
    )
    return assemble(capture, id=ObjectId(), recorded_at=AT, providers=PROVIDERS)


async def put(store: Store, *records: Record) -> list[Interaction]:
    """Store these as the recorder does."""
    counted = await count_once(store, records)
    await store.put(counted)
    return [each.document for each in counted]


@pytest.mark.parametrize("together", [True, False], ids=["in one batch of captures", "one by one"])
@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_the_first_download_counts(store: Store, batch: Batch, together: bool) -> None:
    """Its tokens and its cost, at the price of batches; later downloads have neither."""
    records = [download(batch, minute) for minute in range(3)]
    parts = [records] if together else [[each] for each in records]
    documents = [document for part in parts for document in await put(store, *part)]
    assert [document["tokens"]["total"] for document in documents] == [2_200, None, None]
    costs = [document["cost"] for document in documents]
    assert costs[0] is not None
    assert costs[0]["usd"] == pytest.approx(batch.usd)
    assert costs[1:] == [None, None]
    (row,) = await store.statistics(Filter())
    assert row["tokens"]["total"] == 2_200
    assert row["cost"] == pytest.approx(batch.usd)


@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_every_download_says_how_many_requests_failed(store: Store, batch: Batch) -> None:
    """A download that counts nothing is as readable as the first."""
    for document in await put(store, download(batch), download(batch, 1)):
        assert document["usage_metadata"] == {"succeeded": 2, "errored": 1}
        assert document["error"] is not None
        assert document["error"]["message"] == "1 of 3 requests of the batch failed: Too long."


@pytest.mark.parametrize("batch", BATCHES[:3], ids=str)
async def test_a_download_that_broke_off_counts_nothing(store: Store, batch: Batch) -> None:
    """The next one has all results."""
    half = batch.body[: batch.body.index(b"\n") + 9]
    (torn,) = await put(store, download(batch, body=half, outcome="client_disconnected"))
    (whole,) = await put(store, download(batch, 1))
    assert (torn["tokens"]["total"], whole["tokens"]["total"]) == (None, 2_200)


@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_two_batches_are_two(store: Store, batch: Batch) -> None:
    """Each is counted by a download of its own, and again by none that is recorded again."""
    path = re.sub(r"(?<=[-_b])1\b", "2", batch.path)
    assert path != batch.path
    other = download(batch, 1, path)
    await put(store, download(batch), other)
    (again,) = await put(store, other)
    assert again["tokens"]["total"] == 2_200
    (row,) = await store.statistics(Filter())
    assert row["tokens"]["total"] == 4_400


async def test_each_result_has_the_price_of_its_own_length(store: Store) -> None:
    """A hundred short prompts are no long one, for which the tokens of a model cost more."""
    usage = {"promptTokenCount": 150_000, "candidatesTokenCount": 0, "totalTokenCount": 150_000}
    line = {"key": "a", "response": {**_CONTENT, "modelVersion": "gemini-2.5-pro", "usageMetadata": usage}}
    (document,) = await put(store, download(GEMINI_FILE, body=_lines(line, line)))
    assert document["cost"] is not None
    assert document["cost"]["usd"] == pytest.approx(2 * 150_000 * 1.25 / 2 / 1e6)


async def test_each_result_has_the_price_of_its_model_and_cache(store: Store) -> None:
    """A batch of Anthropic's may ask several models; tokens written to a cache for an hour cost twice the input."""
    written = {"input_tokens": 0, "output_tokens": 0, "cache_creation_input_tokens": 1_000_000}
    kept = {**_MESSAGE, "usage": {**written, "cache_creation": {"ephemeral_1h_input_tokens": 1_000_000}}}
    other = {**_MESSAGE, "model": "claude-haiku-4-5", "usage": {"input_tokens": 1_000_000, "output_tokens": 0}}
    lines = _lines(*({"custom_id": "a", "result": {"type": "succeeded", "message": each}} for each in (kept, other)))
    (document,) = await put(store, download(ANTHROPIC, body=lines))
    assert document["model_version"] is None
    assert document["cost"] is not None
    assert document["cost"]["usd"] == pytest.approx(10 / 2 + 1 / 2)


@pytest.mark.parametrize(
    ("batch", "body"),
    [
        (OPENAI, _lines({"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {}})),
        (OPENAI, b"%PDF-1.7 \xff"),
        (GEMINI_FILE, b'{"usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9}}'),
        (GEMINI_BATCH, b'{"name": "batches/b1", "metadata": {"state": "BATCH_STATE_RUNNING"}}'),
    ],
    ids=["requests", "no lines", "a file of JSON", "a running batch"],
)
async def test_other_files_count_nothing(store: Store, batch: Batch, body: bytes) -> None:
    """Whatever they say of tokens is somebody's content."""
    (document,) = await put(store, download(batch, body=body))
    assert (document["tokens"]["total"], document["cost"], document["error"]) == (None, None, None)
