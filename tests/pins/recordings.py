"""Samples from recordings of the real API, in the folder that `GEMTAP_TEST_RECORDINGS` names."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gemtap.importers.base import ReadExchange
from gemtap.importers.exchanges import provider_of
from tests.pins.sample import Minutes, Sample, http_sample

_STREAM = "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"
_GENERATE = "/v1beta/models/gemini-2.5-pro:generateContent"
_JSON = [("content-type", "application/json")]
_SSE = [("content-type", "text/event-stream")]
_PIECES = 3


def folder() -> Path | None:
    """The folder; None where the variable is not set."""
    name = os.environ.get("GEMTAP_TEST_RECORDINGS")
    return Path(name) if name else None


def samples(recordings: Path) -> Iterator[Sample]:
    """Every recorded HTTP exchange, then every call of the recorded agents."""
    minutes = Minutes()
    for file in ("gemini-http.json", "gemini-http-2.json"):
        for number, recorded in enumerate(json.loads((recordings / file).read_text("utf-8"))):
            yield _http(f"{file.removesuffix('.json')} {number} {recorded['name'][:60]}", recorded, minutes.next())
    for session in json.loads((recordings / "gemini-cli-streams.json").read_text("utf-8")):
        yield from _agent(session, minutes)


def _http(name: str, recorded: Any, received: float) -> Sample:
    target = recorded["path"] + (f"?{recorded['query']}" if recorded["query"] else "")
    headers = _pairs(recorded["request_headers"])
    found = provider_of(
        ReadExchange(
            received=datetime.fromtimestamp(received, UTC),
            method=recorded["method"],
            host=recorded["host"],
            target=target,
            request_headers=headers,
            request=b"",
            status=None,
            duration_ms=0,
        ),
        {},
    )
    provider, path = found or ("", recorded["path"])
    body = recorded["response_body"].encode()
    size = len(body) // _PIECES + 1
    return http_sample(
        name,
        received=received,
        provider=provider,
        method=recorded["method"],
        target=target,
        upstream_path=path,
        request=recorded["request_body"].encode(),
        request_headers=headers,
        status=recorded["status"],
        response=[body[at : at + size] for at in range(0, len(body), size)],
        response_headers=_pairs(recorded["response_headers"]),
    )


def _pairs(headers: Any) -> list[tuple[str, str]]:
    """The headers; without encodings, for the bodies are recorded decoded."""
    dropped = ("content-encoding", "transfer-encoding", "content-length")
    return [(name, value) for name, values in headers.items() for value in values if name.lower() not in dropped]


def _agent(session: Any, minutes: Minutes) -> Iterator[Sample]:
    """The calls of one agent's session; each streamed answer is part of the next prompt."""
    contents: list[Any] = [{"role": "user", "parts": [{"text": f"Task of {session['name']}"}]}]
    for number, call in enumerate(session["calls"]):
        chunks = call["response"] if isinstance(call["response"], list) else [call["response"]]
        streams = call["method"] == "generateContentStream"
        prompt = contents if streams else [{"role": "user", "parts": [{"text": f"Look at call {number}"}]}]
        yield http_sample(
            f"cli {session['name']} {number}",
            received=minutes.next(),
            provider="gemini",
            method="POST",
            target=_STREAM if streams else _GENERATE,
            request=json.dumps({"contents": prompt}, ensure_ascii=False).encode(),
            request_headers=[*_JSON, ("user-agent", "GeminiCLI/0.9.0/gemini-2.5-pro (linux; x64)")],
            status=200,
            response=[_framed(chunk, streams) for chunk in chunks],
            response_headers=_SSE if streams else _JSON,
        )
        if streams:
            parts = [
                part
                for chunk in chunks
                for candidate in chunk.get("candidates", [])
                for part in candidate.get("content", {}).get("parts", [])
            ]
            contents = [
                *contents,
                {"role": "model", "parts": parts},
                {"role": "user", "parts": [{"text": f"Go on after {number}"}]},
            ]


def _framed(chunk: Any, streams: bool) -> bytes:
    text = json.dumps(chunk, ensure_ascii=False).encode()
    return b"data: " + text + b"\r\n\r\n" if streams else text
