"""What is secret in the requests and answers of an API, and how it is recognised.

No parser and no I/O: the tap uses this.

Bodies are described by paths in the notation of JSONPath (RFC 9535): `$.name` is a member of the body itself,
`$..tools.headers.*` every member of a `headers` in a `tools`, at any depth. Two things differ from JSONPath: arrays are
looked through (Google's APIs take one object where a list of them is meant), and a name stands for all
of its usual spellings: `api_key`, `apiKey`, `ApiKey`, `api-key`. Only texts and numbers at a path are secret, so that a
JSON schema which describes a member of that name stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Final

import re2

_STEP: Final = re.compile(r"(\.\.|\.)([a-z0-9_]+|\*)")

_PLAIN: Final = "[0-9A-Za-z_/-]{0,48}"
_ESCAPED: Final = r"\\u00(?:2[dD]|3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA])"
"""A letter, a digit, `-` or `_` that is escaped: no encoder does that, but a name can be spelt so. What stands before
the first one in a name is plain."""


class Paths:
    """A set of paths into JSON bodies."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Raises ValueError for what is no path."""
        self.paths = tuple(dict.fromkeys(paths))
        self._steps = [_steps(path) for path in self.paths]

    # The patterns are made when they are first needed: those of all operations of all APIs take a tenth of a second, at
    # the start of every process.

    @cached_property
    def rare(self) -> frozenset[str]:
        """Names, `plain`: every path to a secret goes through one of them."""
        return frozenset(plain(name) for name in self._rare)

    @cached_property
    def _rare(self) -> list[str]:
        # The longest name of a path is the rarest one. Where none of these stands, no path can lead to anything.
        return sorted({max((name for _, name in each), key=len) for each in self._steps})

    @cached_property
    def _names(self) -> Any:
        # RE2 searches for all names at once: requests have megabytes. Every alternative begins with the quote, so that
        # it runs from quote to quote at the speed of memory.
        names = "|".join(map(_any_spelling, self._rare))
        return re2.compile(f'"(?:(?i:{names})"|{_PLAIN}{_ESCAPED})'.encode("ascii")) if names else None

    REACH: Final = 64
    """Bytes that a name may take: what `may_be_in` looks at in pieces has to overlap by so many."""

    def may_be_in(self, text: bytes) -> bool:
        """Whether any path may lead to anything in JSON that this is a part of. Costs a search at the speed of C."""
        return self._names is not None and self._names.search(text) is not None

    def lead_to(self, names: Sequence[str]) -> bool:
        """Whether the value at these names is secret: those of the members that it is in, its own last, `plain`."""
        last = names[-1] if names else ""
        if last not in self._plain_last and (len(names) < 2 or names[-2] not in self._plain_parents):
            return False
        return self._pattern.fullmatch("/" + "/".join(names)) is not None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(f"(?:{_pattern(each)})" for each in self._steps))

    @cached_property
    def _plain_last(self) -> frozenset[str]:
        return frozenset(plain(each[-1][1]) for each in self._steps)

    @cached_property
    def _plain_parents(self) -> frozenset[str]:
        return frozenset(plain(each[-2][1]) for each in self._steps if each[-1][1] == "*" and len(each) > 1)


def plain(name: str) -> str:
    """A member's name without what differs between spellings: `apikey`, whether `apiKey`, `api_key` or `API-Key`."""
    return name.replace("_", "").replace("-", "").replace("/", "").lower()


@cache
def _steps(path: str) -> list[tuple[str, str]]:
    steps = _STEP.findall(path)
    if not path.startswith("$") or not steps or "$" + "".join(dots + name for dots, name in steps) != path:
        raise ValueError(f"{path!r} is not a path like $.name or $..tools.headers.*")
    return steps


def _pattern(steps: Sequence[tuple[str, str]]) -> str:
    return "".join(
        ("(?:/[^/]*)*" if dots == ".." else "") + "/" + ("[^/]*" if name == "*" else re.escape(plain(name)))
        for dots, name in steps
    )


def _any_spelling(name: str) -> str:
    """A pattern of a name as `plain` reads it: `api_key`, `apiKey`, `API-Key`."""
    return "[_/-]?".join(map(re.escape, name.split("_")))


@dataclass(frozen=True)
class Operation:
    """The secrets in the bodies of one operation."""

    path: re.Pattern[bytes]
    """Patterns that are searched in the raw path, as the upstream knows it."""
    request: Paths
    response: Paths
    held: bool = False
    """Its bodies are small, and made for carrying credentials: each is kept back until it is whole and known to be
    clean, and left out where that cannot be known."""


_FILES: Final = re.compile(rb"^/+(?:upload|download)/|:download$")
_NONE: Final = Operation(re.compile(b""), Paths(()), Paths(()))
"""Bodies that are somebody's files: they may be JSON, and none of an API's."""


@dataclass(frozen=True)
class Secrets:
    """What is secret in an API."""

    headers: frozenset[bytes] = frozenset()
    """Lower-case names, of requests and answers."""
    queries: frozenset[bytes] = frozenset()
    """Lower-case names of query parameters."""
    signatures: frozenset[bytes] = frozenset()
    """Lower-case names of query parameters that make a URL usable by whoever has it, and say nothing of whose it is."""
    path_segments: tuple[re.Pattern[bytes], ...] = ()
    """Each with one group: a credential in the raw path."""
    operations: tuple[Operation, ...] = ()
    """The first that fits counts."""
    elsewhere: tuple[str, ...] = ()
    """Paths into the bodies of every operation, requests and answers, HTTP and WebSocket."""

    @cached_property
    def everywhere(self) -> Operation:
        """What is secret where no operation says more."""
        paths = Paths(self.elsewhere)
        return Operation(re.compile(b""), paths, paths)

    def of(self, path: bytes) -> Operation:
        """What is secret in the bodies of the operation at a raw path."""
        if _FILES.search(path):
            return _NONE
        return next((each for each in self.operations if each.path.search(path)), self.everywhere)

    def in_path(self, path: bytes) -> Iterator[bytes]:
        """The credentials in a raw path."""
        for pattern in self.path_segments:
            yield from pattern.findall(path)


@dataclass(frozen=True)
class Declared:
    """What one API declares; `all_of` makes Secrets of it."""

    headers: tuple[bytes, ...] = ()
    queries: tuple[bytes, ...] = ()
    signatures: tuple[bytes, ...] = ()
    path_segments: tuple[bytes, ...] = ()
    held: tuple[tuple[bytes, tuple[str, ...], tuple[str, ...]], ...] = ()
    """Pattern of the path, paths into the request, paths into the answer."""
    elsewhere: tuple[str, ...] = field(default=())


def all_of(own: Declared, others: Iterable[Declared]) -> Secrets:
    """The secrets of an API.

    The names of headers and queries, and the paths that hold for every operation, are those of all APIs together:
    clients send one API's key to another's address, Vertex AI serves Claude, and many APIs speak OpenAI's dialect.
    """
    every = (own, *(each for each in others if each is not own))
    elsewhere = tuple(dict.fromkeys(path for each in every for path in each.elsewhere))
    return Secrets(
        headers=frozenset(name for each in every for name in each.headers),
        queries=frozenset(name for each in every for name in each.queries),
        signatures=frozenset(name for each in every for name in each.signatures),
        path_segments=tuple(re.compile(pattern) for each in every for pattern in each.path_segments),
        operations=tuple(
            Operation(re.compile(path), Paths((*request, *elsewhere)), Paths((*response, *elsewhere)), held=True)
            for path, request, response in own.held
        ),
        elsewhere=elsewhere,
    )
