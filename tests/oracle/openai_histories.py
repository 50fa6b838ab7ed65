"""OpenAI's responses that go on from one another, run in the background, and its batches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any

from tests.oracle import openai
from tests.oracle.recorded import Exchange, add, counts, words


def _response(rng: Random, request: dict[str, Any], **fields: Any) -> Exchange:
    """A response that is created and ends at once."""
    made = openai.response(rng, request["model"], **fields)
    streamed = rng.random() < 0.5
    return Exchange(
        "openai",
        "/v1/responses",
        {**request, "stream": streamed},
        made.stream if streamed else made.body,
        "openai.responses",
        content_type="text/event-stream" if streamed else "application/json",
        model=request["model"],
        served=made.whole["model"],
        finish_reason="completed",
        tokens=counts(made.tokens),
        usd=made.usd,
    )


def _id_of(exchange: Exchange) -> str:
    """The id of a response."""
    lines = exchange.response.decode().splitlines()
    whole = json.loads(lines[0].removeprefix("data: "))
    return str(whole.get("response", whole)["id"])


def chained(rng: Random) -> Iterator[Exchange]:
    """Each names the response that it goes on from, which need not be the last one."""
    made: list[Exchange] = []
    for number in range(rng.randint(2, 6)):
        before = rng.randrange(number) if number and rng.random() < 0.85 else None
        named = {} if before is None else {"previous_response_id": _id_of(made[before])}
        request = {"model": rng.choice(openai.RESPONDING), "input": words(rng), **named}
        made.append(replace(_response(rng, request), follows=before))
    yield from made


def held(rng: Random) -> Iterator[Exchange]:
    """A conversation that the API holds: each turn goes on from the one before."""
    held = f"conv_{rng.getrandbits(64):x}"
    created = {"id": held, "object": "conversation", "created_at": 1, "metadata": {}}
    yield Exchange(
        "openai", "/v1/conversations", {}, json.dumps(created).encode(), "openai.conversations.create", is_turn=False
    )
    for number in range(1, rng.randint(3, 6)):
        named = rng.choice((held, {"id": held}))
        request = {"model": rng.choice(openai.RESPONDING), "input": words(rng), "conversation": named}
        exchange = _response(rng, request, conversation={"id": held})
        yield replace(exchange, follows=number - 1 if number > 1 else None)


def in_the_background(rng: Random) -> Iterator[Exchange]:
    """Created, looked up until it has ended, looked up again, and gone on from. Its end is billed once."""
    request: dict[str, Any] = {"model": rng.choice(openai.RESPONDING), "input": words(rng), "background": True}
    made = openai.response(rng, request["model"], background=True)
    id_ = made.whole["id"]
    running = {**made.whole, "output": [], "usage": None}
    begun = Exchange(
        *("openai", "/v1/responses", request, json.dumps({**running, "status": "queued"}).encode(), "openai.responses"),
        model=request["model"],
        served=running["model"],
    )
    yield begun
    get = replace(begun, path=f"/v1/responses/{id_}", request=None, method="GET", operation="openai.responses.get")
    get = replace(get, model=None, is_turn=False)
    polls = rng.randint(0, 3)
    for _ in range(polls):
        yield replace(get, response=json.dumps({**running, "status": "in_progress"}).encode())
    cancelled = rng.random() < 0.3
    ended = {**made.whole, "status": "cancelled"} if cancelled else made.whole
    end = replace(get, response=json.dumps(ended).encode(), finish_reason=ended["status"])
    counted = replace(end, tokens=counts(made.tokens), usd=made.usd, is_turn=True, follows=0)
    if cancelled:
        counted = replace(counted, method="POST", path=f"{get.path}/cancel", operation="openai.responses.cancel")
    yield counted
    for _ in range(rng.randint(0, 2)):
        yield end
    further = {"model": request["model"], "input": words(rng), "previous_response_id": id_}
    yield replace(_response(rng, further), follows=polls + 1)


def batch(rng: Random) -> Iterator[Exchange]:
    """A file of requests, the batch, and its results: half the price, once, and failures are named."""
    id_, file = f"batch_{rng.getrandbits(64):x}", f"file-{rng.getrandbits(64):x}"
    lines: list[dict[str, Any]] = []
    tokens: list[dict[str, int | None]] = []
    usd, failed, served = Fraction(0), False, set()
    for number in range(rng.randint(1, 6)):
        line: dict[str, Any] = {"id": f"batch_req_{number}", "custom_id": str(number), "response": None, "error": None}
        fate = rng.random()
        if fate < 0.15:
            line["error"] = {"code": "batch_expired", "message": "This request could not be executed in time."}
        elif fate < 0.3:
            refused = {"error": {"message": "Too long.", "type": "invalid_request_error"}}
            line["response"] = {"status_code": 400, "request_id": "r", "body": refused}
        else:
            one = openai.answered_in_a_batch(rng)
            line["response"] = {"status_code": 200, "request_id": "r", "body": one.whole}
            tokens.append(one.tokens)
            served.add(one.whole["model"])
            usd += Fraction(one.usd or 0)
        failed |= fate < 0.3
        lines.append(line)
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    for path, operation, status, method in (
        ("/v1/batches", "openai.batches.create", "validating", "POST"),
        (f"/v1/batches/{id_}", "openai.batches.get", "completed", "GET"),
    ):
        told = {"id": id_, "object": "batch", "endpoint": "/v1/responses", "status": status, "output_file_id": file}
        asked = {"input_file_id": "file-in", "endpoint": "/v1/responses", "completion_window": "24h"}
        yield Exchange(
            *("openai", path, asked if method == "POST" else None, json.dumps(told).encode(), operation, method),
            is_turn=False,
        )
    results = Exchange(
        *("openai", f"/v1/files/{file}/content", None, body, "openai.files.content", "GET", "application/octet-stream"),
        served=served.pop() if len(served) == 1 else None,
        is_turn=False,
        failed=failed,
    )
    yield replace(results, tokens=add(tokens), usd=float(usd) or None)
    yield results
