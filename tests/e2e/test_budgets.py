"""Limits of a running Gemtap: what SDKs see of them, and budgets that hold while the desk is stopped or killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from gemtap.limits.ledger import LedgerReader
from gemtap.limits.limit_file import LimitFile
from tests.e2e.running_gemtap import PATIENCE, RunningGemtap, eventually

MODEL = "gemini-2.5-flash"


@pytest.fixture
def gemtap(own_gemtap: RunningGemtap) -> RunningGemtap:
    """One whose limits concern no other test."""
    return own_gemtap


def command(gemtap: RunningGemtap, *arguments: str) -> str:
    """What a command prints."""
    done = subprocess.run(
        [sys.executable, "-m", "gemtap", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
        env=os.environ | gemtap.environment,
    )
    return done.stdout


def used(gemtap: RunningGemtap) -> int:
    """How much of the only limit is used."""
    (limit,) = LimitFile(gemtap.data_dir).read().limits
    with LedgerReader(gemtap.data_dir) as reader:
        return reader.usage(limit).used


def ask(client: genai.Client) -> int | None:
    """The tokens of an answer; None if a limit refuses the request."""
    try:
        answer = client.models.generate_content(
            model=MODEL, contents="Why is the sky blue?", config=types.GenerateContentConfig(max_output_tokens=500)
        )
    except errors.ClientError as exc:
        if exc.code != 429 or "A limit of this Gemtap is reached: tokens of everything" not in str(exc):
            raise
        return None
    assert answer.usage_metadata is not None
    return answer.usage_metadata.total_token_count


def gemini(gemtap: RunningGemtap) -> genai.Client:
    return genai.Client(api_key="any-key", http_options={"base_url": gemtap.origin})


def test_the_sdk_raises_what_it_raises_for_rate_limits(gemtap: RunningGemtap) -> None:
    """With the text that says which limit it is; the interaction says the same."""
    command(gemtap, "limits", "set", "all", "--requests", "0/day")
    client = gemini(gemtap)
    eventually(lambda: is_refused(client))
    with pytest.raises(errors.ClientError, match="requests of everything, 0/day") as caught:
        client.models.generate_content(model=MODEL, contents="Hi")
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    (recorded,) = eventually(lambda: gemtap.api("interactions?outcome=refused&limit=1")["items"] or None)
    recorded = gemtap.interaction(recorded["id"])
    assert recorded["response"]["status"] == 429
    assert int(recorded["response"]["headers"]["retry-after"]) > 0
    assert "requests of everything, 0/day" in recorded["error"]["message"]


def is_refused(client: genai.Client) -> bool | None:
    try:
        client.models.generate_content(model=MODEL, contents="Hi")
    except errors.ClientError:
        return True
    return None


def recorded_tokens(gemtap: RunningGemtap) -> int:
    items: list[dict[str, Any]] = gemtap.api("interactions?limit=500")["items"]
    return sum((each["tokens"] or {}).get("total") or 0 for each in items)


def test_a_budget_holds_with_the_desk_away(gemtap: RunningGemtap) -> None:
    """Estimates count while it is stopped, and are settled when it is back. Killed, nothing is forgotten."""
    client = gemini(gemtap)
    budget = 4000
    command(gemtap, "limits", "set", "all", "--tokens", f"{budget}/day")
    eventually(lambda: True if gemtap.data_dir.joinpath("ledger", "tap-0.bin").exists() else None)
    (desk,) = gemtap.processes("gemtap.desk")
    os.kill(desk, signal.SIGSTOP)
    try:
        spent, asked = 0, 0
        while (tokens := ask(client)) is not None:
            spent, asked = spent + tokens, asked + 1
        assert 2 <= asked <= budget // 500, "each reserves its 500 tokens, and a few for its input"
        stopped_at = used(gemtap)
        assert spent < stopped_at <= budget
    finally:
        os.kill(desk, signal.SIGCONT)
    eventually(lambda: True if used(gemtap) == spent else None)
    assert recorded_tokens(gemtap) == spent
    while (tokens := ask(client)) is not None:
        spent += tokens
    # The last one was refused by its estimate, or by those of requests that were not recorded yet.
    eventually(lambda: True if used(gemtap) == spent else None)
    assert spent <= budget
    (desk,) = gemtap.processes("gemtap.desk")
    os.kill(desk, signal.SIGKILL)
    eventually(lambda: True if gemtap.processes("gemtap.desk") not in ([], [desk]) else None)
    eventually(lambda: True if used(gemtap) == spent else None)
    gemtap.process.kill()
    gemtap.process.wait(PATIENCE)
    gemtap.start()
    eventually(lambda: True if used(gemtap) == spent else None)
    assert recorded_tokens(gemtap) == spent
