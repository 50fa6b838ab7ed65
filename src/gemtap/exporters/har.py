"""HTTP Archive 1.2, which browsers' network panels open: http://www.softwareishard.com/blog/har-12-spec/.

WebSocket sessions have their messages as Chrome writes and reads them, in `_webSocketMessages`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

import msgpack

from gemtap import __version__
from gemtap.exporters.base import Chunk, ExportOptions, Format, Report
from gemtap.exporters.jsonl import record_of
from gemtap.exporters.selecting import matching
from gemtap.interaction import Headers, Interaction, Response, iso
from gemtap.providers import routing
from gemtap.settings import Providers
from gemtap.stores.base import Record, Store

_CREATOR: Final = {"name": "Gemtap", "version": __version__}


async def write(store: Store, wanted: ExportOptions, report: Report) -> AsyncIterator[Chunk]:
    """One JSON object with one entry per interaction."""
    head = json.dumps({"log": {"version": "1.2", "creator": _CREATOR, "entries": []}})
    end = "]}}"
    between = head.removesuffix(end)
    async for document in matching(store, wanted, report):
        record = await record_of(store, document)
        if record is None:
            report.left_out["deleted meanwhile"] += 1
            continue
        report.written["train"] += 1
        yield Chunk(f"{between}\n{json.dumps(to_entry(record), ensure_ascii=False)}".encode())
        between = ","
    yield Chunk((head if between != "," else f"\n{end}").encode() + b"\n")


def to_entry(record: Record) -> dict[str, Any]:
    """The entry of a record."""
    document = record.document
    response, duration = document["response"], document["request_duration_ms"] or 0.0
    wait = min(document["timing"]["first_byte_ms"] or duration, duration)
    entry: dict[str, Any] = {
        "startedDateTime": iso(document["timestamp"]),
        "time": duration,
        "request": _request(record),
        "response": _NO_RESPONSE if response is None else _response(response, record),
        "cache": {},
        "timings": {"send": 0, "wait": wait, "receive": duration - wait},
        "comment": f"gemtap {document['_id']} {document['outcome']}",
    }
    if response is not None and response["status"] == 101:
        entry["_resourceType"] = "websocket"
        entry["_webSocketMessages"] = sorted(
            [*_messages(record, "send"), *_messages(record, "receive")], key=lambda message: message["time"]
        )
    return entry


def _request(record: Record) -> dict[str, Any]:
    document = record.document
    request = document["request"]
    query = request["query"]
    is_session = document["response"] is not None and document["response"]["status"] == 101
    found: dict[str, Any] = {
        "method": request["method"],
        "url": _url(document) + (f"?{query}" if query else ""),
        "httpVersion": f"HTTP/{request['http_version']}",
        "cookies": [],
        "headers": _pairs(request["headers"]),
        "queryString": [
            {"name": name, "value": value} for name, value in parse_qsl(query, keep_blank_values=True, errors="replace")
        ],
        "headersSize": -1,
        "bodySize": request["body_bytes"],
    }
    if record.request_raw and not is_session:
        found["postData"] = {"mimeType": _mime_type(request["headers"]), **_content(record.request_raw)}
    return found


def _url(document: Interaction) -> str:
    """Where it was sent, without the query: the provider's default if that is not recorded, else Gemtap itself."""
    path = document["request"]["path"]
    route = routing.match_recorded(document["provider"], path.encode())
    origin = document.get("upstream") or routing.origin_of(route, Providers().upstreams())
    if route is None or origin is None:
        return f"http://localhost:4360{path}"
    return origin + route.path.decode()


_NO_RESPONSE: Final[dict[str, Any]] = {
    "status": 0,
    "statusText": "",
    "httpVersion": "unknown",
    "cookies": [],
    "headers": [],
    "content": {"size": 0, "mimeType": "x-unknown"},
    "redirectURL": "",
    "headersSize": -1,
    "bodySize": -1,
}
"""The response that browsers write if no answer arrived."""


def _response(response: Response, record: Record) -> dict[str, Any]:
    raw = b"" if response["status"] == 101 else record.response_raw
    location = response["headers"].get("location", "")
    return {
        "status": response["status"],
        "statusText": _phrase(response["status"]),
        "httpVersion": f"HTTP/{record.document['request']['http_version']}",
        "cookies": [],
        "headers": _pairs(response["headers"]),
        "content": {"size": len(raw), "mimeType": _mime_type(response["headers"]), **(_content(raw) if raw else {})},
        "redirectURL": location if isinstance(location, str) else location[0],
        "headersSize": -1,
        "bodySize": response["body_bytes"],
    }


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _pairs(headers: Headers) -> list[dict[str, str]]:
    return [
        {"name": name, "value": value}
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    ]


def _mime_type(headers: Headers) -> str:
    value = headers.get("content-type", "x-unknown")
    return value if isinstance(value, str) else value[0]


def _content(raw: bytes) -> dict[str, str]:
    try:
        return {"text": raw.decode("utf-8")}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(raw).decode("ascii"), "encoding": "base64"}


def _messages(record: Record, kind: str) -> Iterator[dict[str, Any]]:
    started = record.document["timestamp"].timestamp()
    unpacker = msgpack.Unpacker(max_buffer_size=0)
    unpacker.feed(record.request_raw if kind == "send" else record.response_raw)
    for at, data in unpacker:
        binary = isinstance(data, bytes)
        text = base64.b64encode(data).decode("ascii") if binary else data
        yield {"type": kind, "time": started + at / 1e6, "opcode": 2 if binary else 1, "data": text}


FORMAT: Final = Format("har", "HTTP Archive 1.2, for browsers' network panels", ".har", "application/json", write)
