"""A script for mitmdump: writes the flows of a file as lines of JSON, without changing a byte of a body.

mitmproxy pins older versions of packages that Gemtap needs, so both cannot be in one environment: this runs in
mitmproxy's, and imports nothing of Gemtap. `gemtap.importers.flows` starts it and reads the lines.
"""

from __future__ import annotations

import base64
import json
import mmap
import os
import re
from collections.abc import Iterator
from typing import IO, Any

from mitmproxy import ctx
from mitmproxy.io import FlowReader

FRAME = re.compile(rb"(\d{1,12}):(?=\d{1,3}:[a-z_]{1,30}[;,])")
"""The beginning of a dictionary whose first key is text: a netstring that is closed by a brace."""
FLOW_KEYS = (re.compile(rb"7:version[;,]"), re.compile(rb"4:type[;,]"))
"""Keys that tell flows from the other dictionaries in the file."""


class WriteFlows:
    """The add-on."""

    def load(self, loader: Any) -> None:
        """Declare the options."""
        loader.add_option("gemtap_flows", str, "", "The file to read.")
        loader.add_option("gemtap_output", int, -1, "The file descriptor to write to.")

    def running(self) -> None:
        """Write all flows, and end mitmdump."""
        try:
            with open(ctx.options.gemtap_flows, "rb") as file, os.fdopen(ctx.options.gemtap_output, "w") as output:
                for entry in entries(file):
                    output.write(json.dumps(entry) + "\n")
        finally:
            ctx.master.shutdown()


def entries(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Each flow, or why one cannot be read, with the place in the file up to which it has been read; an end."""
    at: int | None = 0
    while at is not None:
        file.seek(at)
        try:
            for flow in FlowReader(file).stream():
                yield {**described(flow), "at": file.tell()}
                at = file.tell()
        except Exception as exc:  # whatever one flow is, those after it are read
            # Messages of mitmproxy may quote the flow, which has credentials.
            yield {"fault": type(exc).__name__, "at": file.tell()}
            at = next_flow(file, at)
        else:
            break
    yield {"end": True}


def described(flow: Any) -> dict[str, Any]:
    """A flow in values that JSON has: bytes in Base64, those of heads as characters up to U+00FF."""
    if flow.type != "http":
        return {"type": flow.type}
    request, response = flow.request, flow.response
    return {
        "type": "http",
        "scheme": request.scheme,
        "host": request.host,
        "pretty_host": request.pretty_host,
        "port": request.port,
        "method": request.method,
        "path": request.data.path.decode("latin-1"),
        "request": message(request),
        "status": response.status_code if response else None,
        "response": message(response) if response else None,
        "error": flow.error.msg if flow.error else None,
        "error_at": flow.error.timestamp if flow.error else None,
        "websocket": [
            {
                "by_client": each.from_client,
                "at": each.timestamp,
                "is_text": each.is_text,
                "content": packed(each.content),
            }
            for each in (flow.websocket.messages if flow.websocket else ())
        ],
    }


def message(side: Any) -> dict[str, Any]:
    """A request or a response. `content` is as it was on the wire, and None if mitmproxy has not kept it."""
    return {
        "http_version": side.http_version,
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in side.headers.fields],
        "content": None if side.raw_content is None else packed(side.raw_content),
        "began": side.timestamp_start,
        "ended": side.timestamp_end,
    }


def packed(content: bytes) -> str:
    """Bytes as text."""
    return base64.b64encode(content).decode("ascii")


def next_flow(file: IO[bytes], bad: int) -> int | None:
    """Where the next flow begins after one that cannot be read; None if there is none."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for found in FRAME.finditer(content, bad):
            # What was torn off before may end with digits.
            for start in range(found.start(1), found.end(1)):
                end = found.end() + int(content[start : found.end(1)])
                is_whole = end < len(content) and content[end : end + 1] == b"}"
                if is_whole and start == bad:
                    return end + 1
                if is_whole and all(key.search(content, found.end(), end) for key in FLOW_KEYS):
                    return start
    return None


addons = [WriteFlows()]
