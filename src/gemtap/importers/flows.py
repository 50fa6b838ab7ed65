"""Flows of mitmproxy, read by mitmproxy itself: its own `mitmdump` runs `mitmproxy_script.py`."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from gemtap.addresses import DEFAULT_PORTS
from gemtap.encodings import decode
from gemtap.importers.base import BadEntry, Entry, ImportFailed, LeftOut, ReadExchange, SentMessage
from gemtap.importers.texts import Encoded
from gemtap.interaction import Outcome
from gemtap.json_access import fault_of

BEGINNING: Final = re.compile(rb"\d{1,12}:")
"""A netstring's length."""

_SCRIPT: Final = Path(__file__).with_name("mitmproxy_script.py")

_NOT_KEPT: Final = "is missing: mitmproxy passed it on as a stream and has not kept it"


class Flows:
    """The flows of a file, as `mitmdump` writes them."""

    def __init__(self, lines: IO[bytes]) -> None:
        self._lines = lines
        self.position = 0
        """Bytes of the file of flows that were read."""
        self.is_empty = True
        """Whether nothing has come yet."""

    def read(self) -> Iterator[Entry]:
        """The flows, one at a time."""
        number = 0
        for number, line in enumerate(self._lines, 1):
            self.is_empty = False
            try:
                described = json.loads(line)
            except ValueError:
                break  # mitmdump was ended
            if "end" in described:
                return
            self.position = described["at"]
            yield Entry(f"flow {number}", _entry(described))
        if number:
            yield Entry(f"after flow {number}", BadEntry("mitmdump ended before the file did"))


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Flows]:
    """What is in a file of flows. Raises ImportFailed."""
    program = shutil.which("mitmdump")
    if program is None:
        raise ImportFailed(
            f"{path} has flows of mitmproxy, and reading them needs mitmdump on the PATH: `pipx install mitmproxy`."
        )
    with tempfile.TemporaryDirectory(prefix="gemtap-import-") as folder:
        messages = Path(folder) / "messages"
        process, output = await _started(program, await asyncio.to_thread(path.absolute), Path(folder), messages)
        flows = Flows(output)
        try:
            yield flows
        except BaseException:
            # A thread may be waiting for what it writes.
            with suppress(ProcessLookupError):
                process.kill()
            raise
        finally:
            output.close()
            await process.wait()
        if flows.is_empty:
            said = (await asyncio.to_thread(messages.read_text, "utf-8", "replace")).strip().rpartition("\n")[2]
            raise ImportFailed(f"mitmdump cannot read {path}: {said or 'it says nothing'}.")


async def _started(
    program: str, path: Path, folder: Path, messages: Path
) -> tuple[asyncio.subprocess.Process, IO[bytes]]:
    """`mitmdump` with the script, and what the script writes."""
    reading, writing = os.pipe()
    with await asyncio.to_thread(messages.open, "wb") as said:
        try:
            process = await asyncio.create_subprocess_exec(
                *(program, "--quiet", "--no-server", "--set", f"confdir={folder}", "--scripts", str(_SCRIPT)),
                *("--set", f"gemtap_flows={path}", "--set", f"gemtap_output={writing}"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=said,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=[writing],
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
    return process, os.fdopen(reading, "rb")


def _entry(described: dict[str, Any]) -> ReadExchange | BadEntry | LeftOut:
    if "fault" in described:
        return BadEntry(f"mitmproxy cannot read it ({described['fault']})")
    if described["type"] != "http":
        return LeftOut(f"{described['type']} flows of mitmproxy")
    try:
        return _exchange(described)
    except (KeyError, TypeError, ValueError, OverflowError) as exc:
        return BadEntry(f"it is not a flow that this Gemtap knows ({fault_of(exc)})")


def _exchange(flow: dict[str, Any]) -> ReadExchange:
    request, response = flow["request"], flow["response"]
    began = float(request["began"])
    sent, answered = _body(request), _body(response) if response else Encoded(b"")
    times = [began, request["ended"], flow["error_at"], *((response["began"], response["ended"]) if response else ())]
    is_session = flow["status"] == 101
    return ReadExchange(
        received=datetime.fromtimestamp(began, UTC),
        method=flow["method"],
        host=_host(flow),
        target=_text(flow["path"]),
        http_version=request["http_version"].upper().removeprefix("HTTP/").lower(),
        request_headers=_headers(request),
        request=sent.content,
        request_bytes=_size(request),
        status=flow["status"],
        response_headers=_headers(response) if response else (),
        response=b"" if is_session else answered.content,
        response_bytes=_size(response) if response and not is_session else None,
        messages=[_message(each, began) for each in flow["websocket"]],
        first_byte_ms=(response["began"] - began) * 1000 if response and response["began"] else None,
        duration_ms=(max(float(time) for time in times if time) - began) * 1000,
        outcome=_outcome(flow),
        details=flow["error"],
        doubts=[
            f"the {side} {body.doubt}"
            for side, body in (("request", sent), ("response", answered))
            if body.doubt is not None
        ],
    )


def _outcome(flow: dict[str, Any]) -> str:
    if flow["error"] is None:
        return Outcome.COMPLETE if flow["status"] else Outcome.UPSTREAM_DISCONNECTED
    if "client disconnect" in flow["error"].lower():
        return Outcome.CLIENT_DISCONNECTED
    return Outcome.UPSTREAM_DISCONNECTED if flow["status"] else Outcome.UPSTREAM_UNREACHABLE


def _host(flow: dict[str, Any]) -> str:
    """The host that the client has named: a transparent proxy knows only an address."""
    host = flow["host"]
    try:
        ipaddress.ip_address(host)
        host = flow["pretty_host"]
    except ValueError:
        pass
    if ":" in host:
        host = f"[{host}]"
    return host if DEFAULT_PORTS.get(flow["scheme"]) == flow["port"] else f"{host}:{flow['port']}"


def _body(message: dict[str, Any]) -> Encoded:
    """A body with its content-encoding undone."""
    if message["content"] is None:
        return Encoded(b"", _NOT_KEPT)
    raw = base64.b64decode(message["content"])
    encoding = ", ".join(value for name, value in _headers(message) if name.lower() == "content-encoding")
    if not encoding or not raw:
        return Encoded(raw)
    decoded = decode([(0, raw)], encoding)
    doubt = f"could not be decoded whole from {encoding}: {decoded.fault}" if decoded.fault else None
    return Encoded(decoded.body, doubt)


def _size(message: dict[str, Any]) -> int | None:
    return None if message["content"] is None else len(base64.b64decode(message["content"]))


def _headers(message: dict[str, Any]) -> list[tuple[str, str]]:
    return [(_text(name), _text(value)) for name, value in message["headers"]]


def _text(characters: str) -> str:
    """A name, value or path, from characters that stand for bytes. What is no UTF-8 becomes surrogates."""
    return characters.encode("latin-1").decode("utf-8", "surrogateescape")


def _message(message: dict[str, Any], began: float) -> SentMessage:
    content = base64.b64decode(message["content"])
    return SentMessage(
        by_client=message["by_client"],
        at_ms=(message["at"] - began) * 1000,
        data=content.decode("utf-8", "replace") if message["is_text"] else content,
    )
