"""Series of exchanges in which one goes on from another, and what has to be recorded of each.

Turns that an API holds, runs in the background that are asked for again and again, batches whose results are downloaded
more than once, and turns that pause. Nothing of Gemtap is imported here: this is what Gemtap is compared with.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any, Final

from tests.oracle import anthropic_bill, mistral
from tests.oracle.openai_histories import batch, chained, held, in_the_background
from tests.oracle.recorded import Exchange, add, counts, words


def history(kind: str, seed: int) -> list[Exchange]:
    """The series of this number, always the same."""
    return list(KINDS[kind](Random(f"{kind} {seed}")))


def _anthropic_batch(rng: Random) -> Iterator[Exchange]:
    """The batch and its results: each line at half the price but for its searches, and once."""
    id_ = f"msgbatch_{rng.getrandbits(64):x}"
    lines, bills, served, failed = [], [], set(), False
    for number in range(rng.randint(1, 6)):
        kind = rng.choice(("succeeded", "succeeded", "succeeded", "errored", "canceled", "expired"))
        result: dict[str, Any] = {"type": kind}
        if kind == "errored":
            error = {"type": "invalid_request_error", "message": "max_tokens: too large"}
            result["error"] = {"type": "error", "error": error}
        if kind == "succeeded":
            message = anthropic_bill.whole(rng, tier="batch")
            result["message"] = message
            bills.append(anthropic_bill.bill(json.dumps(message).encode()))
            served.add(message["model"])
        failed |= kind != "succeeded"
        lines.append({"custom_id": str(number), "result": result})
    params = {"model": "claude-opus-4-8", "max_tokens": 9, "messages": [{"role": "user", "content": words(rng)}]}
    made = {"id": id_, "type": "message_batch", "processing_status": "in_progress", "results_url": None}
    yield Exchange(
        "anthropic",
        "/v1/messages/batches",
        {"requests": [{"custom_id": "0", "params": params}]},
        json.dumps(made).encode(),
        "messages.batches.create",
        is_turn=False,
    )
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    path = f"/v1/messages/batches/{id_}/results"
    results = Exchange(
        *("anthropic", path, None, body, "messages.batches.results", "GET", "application/binary"),
        served=served.pop() if len(served) == 1 else None,
        is_turn=False,
        failed=failed,
    )
    usd = [each.usd for each in bills if each.usd is not None]
    yield replace(results, tokens=add([each.tokens for each in bills]), usd=sum(usd) if usd else None)
    yield results


def _pausing(rng: Random) -> Iterator[Exchange]:
    """A turn with tools of the API's own that pauses: the client sends back what there is, and the API goes on."""
    said: list[Any] = [{"role": "user", "content": words(rng)}]
    pauses = rng.randint(1, 3)
    for number in range(pauses + 2):
        reason = "pause_turn" if number < pauses else "end_turn"
        message = anthropic_bill.whole(rng, reason=reason, content=_searching(rng, reason))
        streamed = rng.random() < 0.5
        body = anthropic_bill.streamed(message) if streamed else json.dumps(message).encode()
        billed = anthropic_bill.bill(body)
        yield Exchange(
            "anthropic",
            "/v1/messages",
            {"model": message["model"], "max_tokens": 99, "messages": [*said], "stream": streamed},
            body,
            "messages.create",
            content_type="text/event-stream" if streamed else "application/json",
            model=message["model"],
            served=message["model"],
            finish_reason=reason,
            tokens=billed.tokens,
            usd=billed.usd,
            follows=number - 1 if number else None,
        )
        if said[-1]["role"] == "assistant":
            said[-1] = {"role": "assistant", "content": [*said[-1]["content"], *message["content"]]}
        else:
            said.append({"role": "assistant", "content": message["content"]})
        if reason == "end_turn":
            said.append({"role": "user", "content": words(rng)})


def _searching(rng: Random, reason: str) -> list[Any]:
    """What a turn with searches consists of; thinking may be encrypted."""
    id_ = f"srvtoolu_{rng.getrandbits(48):x}"
    page = {"type": "web_search_result", "title": words(rng), "url": "https://a.example", "encrypted_content": "EqgD"}
    blocks: list[Any] = [
        {"type": "redacted_thinking", "data": "EuYB"},
        {"type": "text", "text": words(rng)},
        {"type": "server_tool_use", "id": id_, "name": "web_search", "input": {"query": words(rng)}},
        {"type": "web_search_tool_result", "tool_use_id": id_, "content": [page]},
    ]
    return blocks if reason == "pause_turn" else [*blocks, {"type": "text", "text": words(rng)}]


def _mistral_conversation(rng: Random) -> Iterator[Exchange]:
    """Started, gone on with, and begun anew from one of its entries."""
    held = f"conv_{rng.getrandbits(64):x}"
    model = rng.choice(list(mistral.PRICES))
    for number in range(rng.randint(2, 5)):
        made = mistral.conversation(rng, model, held)
        streamed = rng.random() < 0.5
        path, operation = "/v1/conversations", "mistral.conversations"
        request = {"inputs": words(rng), "stream": streamed}
        if number == 0:
            request["model"] = model
        else:
            path, operation = f"{path}/{held}", f"{operation}.append"
        yield Exchange(
            "mistral",
            path,
            request,
            made.stream if streamed else made.body,
            operation,
            content_type="text/event-stream" if streamed else "application/json",
            model=model if number == 0 else None,
            served=model,
            finish_reason="completed",
            tokens=counts(made.tokens),
            usd=made.usd,
            missing=made.calls_connectors,
            follows=number - 1 if number else None,
        )


def _resent_to_mistral(rng: Random) -> Iterator[Exchange]:
    """A chat whose client sends all of it again."""
    said: list[Any] = []
    model = rng.choice(list(mistral.PRICES))
    for number in range(rng.randint(2, 5)):
        said.append({"role": "user", "content": words(rng)})
        answer = words(rng)
        made = mistral.chat(rng, model, answer)
        streamed = rng.random() < 0.5
        yield Exchange(
            "mistral",
            "/v1/chat/completions",
            {"model": model, "messages": [*said], "stream": streamed},
            made.stream if streamed else made.body,
            "openai.chat.completions",
            content_type="text/event-stream" if streamed else "application/json",
            model=model,
            served=model,
            finish_reason="stop",
            tokens=counts(made.tokens),
            usd=made.usd,
            follows=number - 1 if number else None,
        )
        said.append({"role": "assistant", "content": answer})


def _mistral_batch(rng: Random) -> Iterator[Exchange]:
    """The results of a batch, downloaded twice: half the price, once, and a failure is named."""
    model = rng.choice(list(mistral.PRICES))
    answers = [mistral.chat(rng, model, words(rng)) for _ in range(rng.randint(1, 5))]
    lines: list[dict[str, Any]] = [
        {"custom_id": str(number), "response": {"status_code": 200, "body": json.loads(each.body)}, "error": None}
        for number, each in enumerate(answers)
    ]
    failed = rng.random() < 0.5
    if failed:
        refused = {"object": "error", "message": "Too long.", "type": "invalid_request_error", "code": "3051"}
        lines.append({"custom_id": "x", "response": {"status_code": 400, "body": refused}, "error": refused})
    rng.shuffle(lines)
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    path = f"/v1/files/{rng.getrandbits(128):x}/content"
    results = Exchange(
        *("mistral", path, None, body, "openai.files.content", "GET", "application/octet-stream"),
        served=model,
        is_turn=False,
        failed=failed,
    )
    yield replace(results, tokens=add([each.tokens for each in answers]), usd=sum(each.usd for each in answers) / 2)
    yield results


def _resent_to_ollama(rng: Random) -> Iterator[Exchange]:
    """A chat with a model of one's own: tokens, and no cost. A prompt that is all in the cache has no count."""
    said: list[Any] = []
    for number in range(rng.randint(2, 5)):
        said.append({"role": "user", "content": words(rng)})
        answer, thinking = words(rng), words(rng)
        read, written = rng.choice((None, rng.randint(1, 9_000))), rng.randint(1, 900)
        pieces = [answer[:20], answer[20:]]
        end = {"eval_count": written, "eval_duration": 5, "total_duration": 9, "done_reason": "stop"}
        end |= {} if read is None else {"prompt_eval_count": read}
        streamed = rng.random() < 0.5
        named = {"model": "qwen3", "created_at": "2026-11-01T00:00:00Z"}
        if streamed:
            messages = [{"role": "assistant", "content": "", "thinking": thinking}]
            messages += [{"role": "assistant", "content": piece} for piece in pieces]
            lines = [{**named, "message": message, "done": False} for message in messages]
            lines.append({**named, "message": {"role": "assistant", "content": ""}, "done": True, **end})
            body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        else:
            message = {"role": "assistant", "content": answer, "thinking": thinking}
            body = json.dumps({**named, "message": message, "done": True, **end}).encode()
        yield Exchange(
            "ollama",
            "/api/chat",
            {"model": "qwen3", "messages": [*said], "stream": streamed},
            body,
            "ollama.chat",
            content_type="application/x-ndjson" if streamed else "application/json",
            model="qwen3",
            served="qwen3",
            finish_reason="stop",
            tokens=counts({"input": read, "output": written, "total": (read or 0) + written}),
            follows=number - 1 if number else None,
        )
        said.append({"role": "assistant", "content": answer})


KINDS: Final[dict[str, Callable[[Random], Iterator[Exchange]]]] = {
    "chained responses": chained,
    "responses in a conversation": held,
    "a response in the background": in_the_background,
    "a batch of OpenAI": batch,
    "a batch of Anthropic": _anthropic_batch,
    "a turn that pauses": _pausing,
    "a conversation of Mistral": _mistral_conversation,
    "a chat with Mistral": _resent_to_mistral,
    "a batch of Mistral": _mistral_batch,
    "a chat with Ollama": _resent_to_ollama,
}
