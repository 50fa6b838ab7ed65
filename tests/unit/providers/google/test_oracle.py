"""Tokens and costs of exchanges against a reckoning that shares no code with Gemtap."""

from __future__ import annotations

import json
import math
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bson import ObjectId

from gemtap.capture.events import Kind
from gemtap.interaction import Interaction
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assemble import assemble
from tests.captures import make_capture
from tests.oracle.bill import PRICES, Bill, bill, of_a_session
from tests.oracle.exchanges import LIVE, Synthetic, synthetic
from tests.pins.sample import session_sample

COUNT = 10_000
AT_ONCE = 2_500
RECORDINGS = os.environ.get("GEMTAP_TEST_RECORDINGS")
CENT = 0.01


def read(each: Synthetic) -> Interaction:
    """The document that Gemtap makes of it."""
    if each.turns is not None:
        setup = (Kind.WS_CLIENT, json.dumps({"setup": {"model": f"models/{LIVE}"}}))
        ended = [
            (Kind.WS_SERVER, json.dumps({"serverContent": {"turnComplete": True}, "usageMetadata": usage}))
            for usage in each.turns
        ]
        capture = session_sample(
            "live",
            received=each.at.timestamp(),
            provider="gemini",
            path=each.path,
            messages=[setup, *ended],
            closing={"by": "client", "code": 1000, "reason": ""},
        ).capture
    else:
        content_type = b"text/event-stream" if each.is_stream else b"application/json"
        capture = make_capture(
            path=each.path.encode(),
            method=each.method,
            provider="vertex" if "/projects/" in each.path else "gemini",
            received=each.at.timestamp(),
            request=[(100, each.request)] if each.request else [],
            response=[(3_000, each.response)],
            response_headers=[(b"content-type", content_type)],
        )
    return assemble(capture, id=ObjectId(), recorded_at=each.at, providers=PROVIDERS).document


def expected(each: Synthetic) -> Bill:
    if each.turns is not None:
        return of_a_session(LIVE, list(each.turns), each.at.date())
    return bill(each.method, each.path, each.request, each.response, each.at.date())


def difference(document: Interaction, wanted: Bill) -> str | None:
    """What differs, to a millionth of a cent; None where nothing does."""
    cost = document["cost"]
    usd = cost["usd"] if cost is not None else None
    if dict(document["tokens"]) != wanted.tokens:
        return f"tokens {document['tokens']}, not {wanted.tokens}"
    if (usd is None) != (wanted.usd is None):
        return f"cost {cost}, not {wanted.usd}"
    if usd is not None and wanted.usd is not None and not math.isclose(usd, wanted.usd, abs_tol=CENT / 1e6):
        return f"cost {usd}, not {wanted.usd}"
    return None


@pytest.mark.parametrize("first", range(0, COUNT, AT_ONCE))
def test_synthetic_exchanges_are_counted_and_priced_as_the_oracle_does(first: int) -> None:
    """None of 10,000 differs in a token or a millionth of a cent."""
    found = {}
    for seed in range(first, first + AT_ONCE):
        each = synthetic(seed)
        told = difference(read(each), expected(each))
        if told is not None:
            found[seed] = f"{each.method} {each.path}: {told}\n{each.response[:1500]!r}"
    assert not found, f"{len(found)} differ, the first: {next(iter(found.items()))}"


@pytest.mark.skipif(RECORDINGS is None, reason="GEMTAP_TEST_RECORDINGS names no folder of recordings")
@pytest.mark.parametrize("file", ["gemini-http.json", "gemini-http-2.json"])
def test_recordings_are_counted_and_priced_as_the_oracle_does(file: str) -> None:
    """Every recorded exchange that generates something with a model that the oracle has prices of."""
    compared, found = 0, []
    for number, recorded in enumerate(json.loads((Path(RECORDINGS or "") / file).read_text())):
        path, body = recorded["path"], recorded["response_body"].encode()
        if recorded["status"] != 200 or not path.endswith(
            ("enerateContent", "/interactions", "mbedContents", "mbedContent")
        ):
            continue
        if "/v1internal" in path or "/openai/" in path or not body:
            continue
        each = Synthetic(
            recorded["method"], path, recorded["request_body"].encode(), body, datetime(2026, 11, 28, tzinfo=UTC)
        )
        try:
            wanted, document = expected(each), read(each)
        except ValueError:
            continue  # a stream that broke off
        if {document["model"], document["model_version"]}.isdisjoint(PRICES):
            wanted.usd = document["cost"]["usd"] if document["cost"] is not None else None
        else:
            compared += 1
        told = difference(document, wanted)
        if told is not None:
            found.append(f"{number} {path}: {told}")
    assert compared > 10
    assert found == []
