"""Requests as a client sends them through the proxy."""

from __future__ import annotations

import http.client
import json
from typing import Any

from tests.e2e.running_gemtap import PATIENCE, RunningGemtap


def ask(gemtap: RunningGemtap, text: str, *, model: str = "gemini-2.5-flash", **fields: Any) -> str:
    """Request a streamed response. Returns the id of the interaction."""
    contents = fields.pop("contents", [{"role": "user", "parts": [{"text": text}]}])
    connection = http.client.HTTPConnection("127.0.0.1", gemtap.port, timeout=PATIENCE)
    try:
        connection.request(
            "POST",
            f"/v1beta/models/{model}:streamGenerateContent?alt=sse",
            json.dumps({"contents": contents, **fields}),
            {"content-type": "application/json", "x-goog-api-key": "test", "user-agent": "Tester/1.0"},
        )
        answer = connection.getresponse()
        answer.read()
        id_ = answer.getheader("x-gemtap-id")
        assert id_ is not None
        return id_
    finally:
        connection.close()


def recorded(gemtap: RunningGemtap, text: str, **fields: Any) -> str:
    """Send a request, and wait until it is recorded."""
    id_ = ask(gemtap, text, **fields)
    gemtap.interaction(id_)
    return id_


def http_get(port: int, path: str, headers: dict[str, str]) -> None:
    """Send a request without a body through the proxy."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers=headers)
        connection.getresponse().read()
    finally:
        connection.close()
