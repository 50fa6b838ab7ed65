"""Providers from other packages: one folder and an entry point, and nothing of Gemtap is touched."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).parent / "plugin"

USE = """
import asyncio, json, os, sys
from dataclasses import replace
from datetime import UTC, datetime
from bson import ObjectId
from gemtap.dashboard.provider_colours import style_sheet
from gemtap.exporters.base import ExportOptions, Report
from gemtap.exporters.registry import FORMATS
from gemtap.providers import routing
from gemtap.providers.registry import PROVIDERS
from gemtap.providers.declared_secrets import secrets_of
from gemtap.recorder.assemble import assemble
from gemtap.recorder.fingerprint import stored_fingerprint
from gemtap.recorder.threads import Threads
from gemtap.replay.keys import key_header
from gemtap.replay.request import Changes, request_of
from gemtap.settings import Providers
from gemtap.stores.opening import open_store
from gemtap.tap.errors import answer
from tests.captures import make_capture

async def main(folder):
    store = open_store(f"sqlite:///{folder}/toy.db")
    await store.open()
    threads, told, messages = Threads(store), [], []
    for number in range(2):
        messages.append({"role": "user", "content": f"Question {number} about toys, asked at length."})
        reply = {"role": "assistant", "content": f"Answer {number} about toys, given at length."}
        route = routing.match(b"/toy/v1/chat/completions")
        capture = make_capture(
            path=b"/toy" + route.path, upstream_path=route.path, provider=route.provider,
            request=[(100, json.dumps({"model": "gpt-4o", "messages": messages}).encode())],
            response=[(200, json.dumps({
                "model": "gpt-4o", "choices": [{"message": reply, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010},
            }).encode())],
        )
        record = assemble(capture, id=ObjectId(), recorded_at=datetime.now(UTC), providers=PROVIDERS)
        (placed,) = await threads.place([(record, stored_fingerprint(record.document))])
        record = placed.record
        await store.put([record])
        told.append(record.document)
        messages.append(reply)
    lines = [piece.content async for piece in FORMATS["openai-chat"].write(store, ExportOptions(), Report())]
    again = request_of(told[-1], record.request_raw, Changes(), Providers().upstreams())
    await store.close()
    print(json.dumps({
        "operation": told[0]["operation"],
        "turns": [each["thread"]["turn"] for each in told],
        "cost": told[0]["cost"] and told[0]["cost"]["usd"],
        "context": told[1]["context"],
        "preview": told[1]["preview"],
        "line": [json.loads(line) for line in lines],
        "upstream": routing.origin_of(route, Providers().upstreams()),
        "replay": [again.upstream, *map(bytes.decode, key_header(again, {"TOY_API_KEY": "k"}))],
        "secret": [b"x-toy-key" in secrets_of("toy").headers, b"x-toy-key" in secrets_of("gemini").headers],
        "colour": ".dot.toy" in style_sheet(),
        "error": json.loads(answer(502, "UNAVAILABLE", "away", "toy")[1]),
    }))

asyncio.run(main(sys.argv[1]))
"""


def run(*arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    """A Python process in which the packages of a folder are installed."""
    root = Path(__file__).parents[3]
    return subprocess.run(
        [sys.executable, *arguments],
        env={"PYTHONPATH": f"{PLUGIN}:{path}:{root}", "PATH": "/usr/bin:/bin", "HOME": str(path)},
        cwd=path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def install(folder: Path, value: str, name: str = "toy") -> None:
    """Write what an installer would write of a package with this entry point."""
    metadata = folder / f"gemtap_{name}-1.5.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: gemtap-{name}\nVersion: 1.5\n")
    (metadata / "entry_points.txt").write_text(f"[gemtap.providers]\n{name} = {value}\n")


def listed(path: Path) -> tuple[int, Any]:
    done = run("-m", "gemtap", "providers", "--json", path=path)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_provider_of_another_package_works_everywhere(tmp_path: Path) -> None:
    """It routes, records, threads, prices, exports, replays and has its colour and its shape of errors."""
    install(tmp_path, "gemtap_toy:PROVIDER")
    done = run("-c", USE, str(tmp_path), path=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["operation"] == "openai.chat.completions"
    assert found["turns"] == [1, 2]
    assert found["cost"] == pytest.approx(1000 / 1e6 * 2.5 + 10 / 1e6 * 10)
    assert sum(found["context"].values()) == 1000
    assert found["preview"]["prompt"].startswith("Question 1")
    (line,) = found["line"]
    assert [each["role"] for each in line["messages"]] == ["user", "assistant"] * 2
    assert found["upstream"] == "https://api.toy.example"
    assert found["replay"] == ["https://api.toy.example", "authorization", "Bearer k"]
    assert found["secret"] == [True, True]
    assert found["colour"] is True
    assert found["error"] == {"error": {"message": "away", "type": "unavailable"}}


def test_providers_are_listed_with_their_package(tmp_path: Path) -> None:
    """`gemtap providers` shows where each comes from."""
    install(tmp_path, "gemtap_toy:PROVIDER")
    status, found = listed(tmp_path)
    by_name = {each["name"]: each for each in found["providers"]}
    assert (status, found["faults"]) == (0, [])
    assert next(iter(by_name)) == "gemini"
    assert (by_name["toy"]["package"], by_name["toy"]["version"], by_name["toy"]["prefix"]) == (
        "gemtap-toy",
        "1.5",
        "/toy",
    )
    assert by_name["gemini"]["package"] == "gemtap"


@pytest.mark.parametrize(
    ("value", "name", "reason"),
    [
        ("no_such_module:PROVIDER", "toy", "ModuleNotFoundError"),
        ("gemtap_toy:ToyWire", "toy", "is no gemtap.providers.provider.Provider"),
        ("gemtap_toy:PROVIDER", "other", "its entry point is named other"),
        ("gemtap.providers.gemini:PROVIDER", "gemini", "already taken by gemini"),
    ],
)
def test_a_faulty_provider_is_reported_and_left_out(tmp_path: Path, value: str, name: str, reason: str) -> None:
    """The others work as before."""
    install(tmp_path, value, name)
    status, found = listed(tmp_path)
    assert status == 1
    (fault,) = found["faults"]
    assert reason in fault["reason"]
    assert fault["package"] == f"gemtap-{name}"
    assert {each["name"] for each in found["providers"]} == {"gemini", "vertex", "code_assist"}
