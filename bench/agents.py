"""Simulated coding agents: generates their exchanges, as they cross the wire, from a fixed seed.

Each agent works on a project, a part of the standard library's sources: it reads files, searches, edits, runs tests,
and sends its whole conversation with every turn. Prompts and responses are docstrings of the same sources. There are
three kinds of client: one with function calls over Gemini's API, one with text parts only, and one with OpenAI's
format. The same seed gives the same bytes with the same version of Python.
"""

from __future__ import annotations

import base64
import re
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Final

from bench.agent_wire import SHAPES, Answer, GeminiCli, Shape, error_body
from gemtap.capture.events import FORMAT, Kind, pack

SEED: Final = 20260314
TOKENS_A_MONTH: Final = 230_000_000
BYTES_A_TOKEN: Final = 4.3
"""Approximate ratio for code and English text: a month is a gigabyte."""

_FIRST_DAY: Final = 1_767_600_000.0
"""2026-01-05, a Monday, 08:00 UTC."""
_WORKDAYS_A_MONTH: Final = 21
_WORKDAY_S: Final = 9 * 3600.0

_DOCSTRING: Final = re.compile(r'^ *"""([^"\\]+)"""$', re.MULTILINE)

_CONTEXT_BYTES: Final = 800_000
"""A conversation larger than this is compacted or ended."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response."""

    at: float
    """Time when the request was received, in seconds since 1970."""
    session: int
    """Number of the conversation."""
    path: bytes
    headers: Sequence[tuple[bytes, bytes]]
    request: bytes
    status: int
    chunks: Sequence[tuple[int, bytes]]
    """The chunks of the response, each with its time in microseconds since the request was received."""
    resent: int
    """Bytes of messages, system instruction and tools that an earlier request of the session already had."""

    @property
    def response(self) -> bytes:
        """The complete response."""
        return b"".join(chunk for _, chunk in self.chunks)


@dataclass
class _File:
    name: str
    lines: list[str]


@dataclass
class _Library:
    """The sources: projects with files, and sentences about them."""

    projects: list[list[_File]] = field(default_factory=list)
    sayings: list[str] = field(default_factory=list)

    @classmethod
    def read(cls) -> _Library:
        folder = Path(sysconfig.get_paths()["stdlib"])
        library = cls()
        groups: dict[str, list[_File]] = {}
        for path in sorted(folder.rglob("*.py")):
            name = path.relative_to(folder)
            if {"site-packages", "__pycache__", "lib2to3", "idlelib", "encodings"} & set(name.parts):
                continue
            try:
                text = path.read_text("utf-8")
            except ValueError:
                continue
            if 1_000 < len(text) < 150_000:
                group = name.parts[0] if len(name.parts) > 1 else name.stem[0]
                groups.setdefault(group, []).append(_File(str(name), text.splitlines(keepends=True)))
                library.sayings += _docstrings(text)
        library.projects = [files for _, files in sorted(groups.items()) if len(files) >= 5]
        return library


def _docstrings(text: str) -> list[str]:
    return [said for said in _DOCSTRING.findall(text) if 120 < len(said) < 3_000]


class _Session:
    """One conversation of one agent."""

    def __init__(self, number: int, library: _Library, project: list[_File], shape: Shape, rng: Random) -> None:
        self.number = number
        self._library = library
        self._project = project
        self._shape = shape
        self._rng = rng
        self._head, self._tail = shape.frame(rng)
        self._messages: list[bytes] = []
        self._sent: set[bytes] = set()
        self._turns = rng.randint(8, 110)
        self._open_file: _File | None = None
        self._say(self._task())

    def turns(self) -> Iterator[Exchange]:
        """Its exchanges, in order."""
        for _ in range(self._turns):
            if sum(map(len, self._messages)) > _CONTEXT_BYTES:
                if self._rng.random() < 0.5:
                    return
                self._compact()
            if self._rng.random() < 0.012:
                yield self._exchange(429, [(180_000, error_body())])
            answer = self._answer()
            chunks = self._shape.stream(answer, self._request_bytes(), self._rng)
            yield self._exchange(200, chunks)
            self._messages.append(self._shape.model_message(answer))
            if answer.call is None:
                self._say(self._rng.choice(self._library.sayings)[: self._rng.randint(60, 600)])
            else:
                self._messages.append(self._shape.result_message(answer.call, self._result(*answer.call)))

    def until(self, size: int) -> Exchange:
        """Its first exchange with a request of at least `size` bytes."""
        while self._request_bytes() < size:
            answer = self._answer()
            self._messages.append(self._shape.model_message(answer))
            if answer.call is not None:
                self._messages.append(self._shape.result_message(answer.call, self._result(*answer.call)))
        answer = self._answer()
        return self._exchange(200, self._shape.stream(answer, self._request_bytes(), self._rng))

    def _say(self, text: str) -> None:
        self._messages.append(self._shape.user_message(text))

    def _task(self) -> str:
        names = "\n".join(f"  {file.name}" for file in self._project[:200])
        return f"{self._rng.choice(self._library.sayings)}\n\nThe project's files:\n{names}\n"

    def _compact(self) -> None:
        """Compact the context as clients do: replace all but the last messages by a summary."""
        kept = self._messages[-2 * self._rng.randint(4, 12) :]
        summary = "\n\n".join(self._rng.sample(self._library.sayings, 8))
        self._messages = [self._shape.user_message(f"<state_snapshot>\n{summary}\n</state_snapshot>"), *kept]

    def _request_bytes(self) -> int:
        return len(self._head) + len(self._tail) + sum(map(len, self._messages))

    def _exchange(self, status: int, chunks: Sequence[tuple[int, bytes]]) -> Exchange:
        parts = [self._head, *self._messages, self._tail]
        resent = sum(len(part) for part in parts if part in self._sent)
        self._sent.update(parts)
        request = self._head + b",".join(self._messages) + self._tail
        headers = [*self._shape.headers, (b"content-length", b"%d" % len(request))]
        return Exchange(0.0, self.number, self._shape.path, headers, request, status, chunks, resent)

    def _answer(self) -> Answer:
        rng = self._rng
        saying = rng.choice(self._library.sayings)
        text = saying if rng.random() < 0.25 else saying[: rng.randint(40, 300)]
        thoughts = rng.choice(self._library.sayings) if self._shape.thinks and rng.random() < 0.6 else None
        signature = base64.b64encode(rng.randbytes(rng.randint(150, 700))).decode() if thoughts else None
        return Answer(text, None if rng.random() < 0.08 else self._call(), thoughts, signature, rng.randbytes(12).hex())

    def _call(self) -> tuple[str, dict[str, Any]]:
        rng = self._rng
        if self._open_file is None or rng.random() < 0.45:
            self._open_file = rng.choice(self._project)
            longest = 400
            arguments: dict[str, Any] = {"path": self._open_file.name}
            if len(self._open_file.lines) > longest:
                offset = rng.randrange(0, len(self._open_file.lines), 200)
                arguments |= {"offset": offset, "limit": rng.choice((100, 200, 400))}
            return "read_file", arguments
        if rng.random() < 0.4:
            words = [
                word for word in rng.choice(self._open_file.lines).split() if word.isidentifier() and len(word) > 3
            ]
            return "search", {"pattern": rng.choice(words) if words else "return", "folder": "."}
        if rng.random() < 0.6:
            return "replace", {"path": self._open_file.name, **self._edit(self._open_file)}
        return "run_tests", {"selection": Path(self._open_file.name).stem}

    def _edit(self, file: _File) -> dict[str, str]:
        """Replace some lines of this file by lines of another one."""
        rng = self._rng
        start = rng.randrange(len(file.lines))
        end = start + rng.randint(2, 14)
        other = rng.choice(self._project).lines
        begin = rng.randrange(len(other))
        old = file.lines[start:end]
        new = [*old[:1], *other[begin : begin + rng.randint(1, 18)], *old[-1:]]
        file.lines[start:end] = new
        return {"old_string": "".join(old), "new_string": "".join(new)}

    def _result(self, name: str, arguments: dict[str, Any]) -> str:
        assert self._open_file is not None
        if name == "read_file":
            start = arguments.get("offset", 0)
            return "".join(self._open_file.lines[start : start + arguments.get("limit", 400)])
        if name == "search":
            found = [
                f"{file.name}:{number}:{line}"
                for file in self._project
                for number, line in enumerate(file.lines, 1)
                if arguments["pattern"] in line
            ]
            return "".join(found[: self._rng.randint(10, 80)]) or "No matches."
        if name == "replace":
            return f"Replaced 1 occurrence in {arguments['path']}."
        return self._test_run(arguments["selection"])

    def _test_run(self, selection: str) -> str:
        rng = self._rng
        count = rng.randint(5, 60)
        names = [f"test_{selection}.py::Test{number % 7}::test_{rng.randrange(400)}" for number in range(count)]
        lines = [f"{name} {'PASSED' if rng.random() < 0.95 else 'FAILED'} [{n * 100 // count:3}%]"
                 for n, name in enumerate(names)]  # fmt: skip
        return "\n".join(lines) + f"\n===== {count} tests in {rng.uniform(0.1, 9):.2f}s =====\n"


def traffic(months: float = 1, *, tokens: int = TOKENS_A_MONTH, seed: int = SEED) -> Iterator[Exchange]:
    """The exchanges of one person's agents over some months, with `tokens` per month, in order of arrival.

    Two sessions run at a time. A month ends with the exchange that brings requests and responses together to its number
    of tokens; its days are derived from that.
    """
    rng = Random(seed)
    library = _Library.read()
    wanted = months * tokens * BYTES_A_TOKEN
    a_day = tokens * BYTES_A_TOKEN / _WORKDAYS_A_MONTH
    running: list[Iterator[Exchange]] = []
    sent, number = 0, 0
    while sent < wanted:
        # The time is derived from the bytes sent so far: every workday has equal traffic.
        day, of_day = divmod(sent / a_day, 1)
        now = _FIRST_DAY + (day + 2 * (day // 5)) * 86_400 + of_day * _WORKDAY_S
        while len(running) < 2:
            number += 1
            session = _new_session(number, library, rng)
            running.append(session.turns())
        which = rng.randrange(2)
        exchange = next(running[which], None)
        if exchange is None:
            del running[which]
            continue
        sent += len(exchange.request) + len(exchange.response)
        yield replace(exchange, at=now)


def _new_session(number: int, library: _Library, rng: Random) -> _Session:
    shape: Callable[[], Shape] = rng.choices(SHAPES, weights=(60, 25, 15))[0]
    return _Session(number, library, rng.choice(library.projects), shape(), Random(rng.random()))


def long_request(size: int, *, seed: int = SEED) -> Exchange:
    """One exchange of a conversation with a request of at least `size` bytes."""
    rng = Random(seed)
    library = _Library.read()
    session = _Session(0, library, max(library.projects, key=len), GeminiCli(), rng)
    return replace(session.until(size), at=_FIRST_DAY)


def capture_of(exchange: Exchange) -> bytes:
    """The exchange in the format of the tap's captures."""
    path, _, query = exchange.path.partition(b"?")
    last = exchange.chunks[-1][0]
    head = {
        "format": FORMAT,
        "tap": "0",
        "received": exchange.at,
        "method": "POST",
        "path": path,
        "query": query,
        "http_version": "1.1",
        "headers": list(exchange.headers),
        "client": "127.0.0.1",
        "key": "8f2a11c0beef",
        "provider": "gemini",
        "upstream_path": path,
        "upstream": "https://generativelanguage.googleapis.com",
    }
    kind = b"text/event-stream" if exchange.status == 200 else b"application/json"
    answer = {
        "status": exchange.status,
        "headers": [(b"content-type", kind), (b"server", b"scaffolding on HTTPServer2")],
        "sent": 600,
        "made_here": False,
        "decoded": False,
    }
    end = {
        "outcome": "complete",
        "details": None,
        "sent": 600,
        "request": {"bytes": len(exchange.request)},
        "response": {"bytes": len(exchange.response)},
    }
    events = [pack(Kind.REQUEST, 0, head), pack(Kind.REQUEST_BODY, 300, exchange.request)]
    events.append(pack(Kind.RESPONSE, exchange.chunks[0][0], answer))
    events += [pack(Kind.RESPONSE_BODY, at, chunk) for at, chunk in exchange.chunks]
    return b"".join([*events, pack(Kind.END, last + 400, end)])
