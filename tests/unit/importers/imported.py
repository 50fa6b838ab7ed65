"""Importing in tests: files of these contents into a store, with a secret that is always the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from gemtap.importers.base import Imported
from gemtap.importers.exchanges import Importing, KnownFingerprints
from gemtap.importers.files import import_file
from gemtap.interaction import Interaction
from gemtap.settings import Providers
from gemtap.stores.base import Filter, Store

WITH: Final = Importing(KnownFingerprints(b"s" * 32), Providers().upstreams())

GEMINI: Final = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"


async def imported(store: Store, path: Path, content: bytes, *, everything: bool = False) -> Imported:
    """What is told of importing a file of this content."""
    path.write_bytes(content)
    return await import_file(path, store, WITH, everything=everything)


async def documents(store: Store) -> list[Interaction]:
    return [document async for document in store.scan(Filter())]


def archive(*entries: dict[str, Any]) -> bytes:
    """A HAR file."""
    log = {"version": "1.2", "creator": {"name": "a browser", "version": "1"}, "entries": entries}
    return json.dumps({"log": log}, indent=1).encode()


def entry(
    url: str = GEMINI,
    *,
    request: Any = None,
    response: Any = None,
    headers: dict[str, str] | None = None,
    status: int = 200,
    **more: Any,
) -> dict[str, Any]:
    """An entry as Chrome writes it; the bodies are JSON values or texts."""
    request = {"contents": [{"role": "user", "parts": [{"text": "Why?"}]}]} if request is None else request
    response = _ANSWER if response is None else response
    return {
        "startedDateTime": "2026-03-14T13:00:00.250+01:00",
        "time": 1300.5,
        "request": {
            "method": "POST",
            "url": url,
            "httpVersion": "h2",
            "headers": [
                {"name": name, "value": value}
                for name, value in {
                    ":authority": "generativelanguage.googleapis.com",
                    "Content-Type": "application/json",
                    **(headers or {}),
                }.items()
            ],
            "queryString": [],
            "cookies": [],
            "headersSize": -1,
            "bodySize": 61,
            "postData": {"mimeType": "application/json", "text": _text(request)},
        },
        "response": {
            "status": status,
            "statusText": "",
            "httpVersion": "h2",
            "headers": [
                {"name": "content-type", "value": "application/json"},
                {"name": "content-encoding", "value": "br"},
                {"name": "set-cookie", "value": "session=hunter22"},
            ],
            "cookies": [],
            "content": {"size": 200, "mimeType": "application/json", "text": _text(response)},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": 120,
        },
        "cache": {},
        "timings": {"blocked": 100.5, "dns": -1, "connect": 200, "ssl": 50, "send": 1, "wait": 800, "receive": 199},
        **more,
    }


_ANSWER: Final = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Because."}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 2, "totalTokenCount": 6},
    "modelVersion": "gemini-2.5-flash",
}


def _text(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(body)


def single_bytes(content: bytes, charset: str) -> str:
    """The text that a browser or mitmproxy makes of bytes. In a browser's windows-1252 every byte is a character."""
    return "".join(bytes([byte]).decode(charset, "ignore") or chr(byte) for byte in content)
