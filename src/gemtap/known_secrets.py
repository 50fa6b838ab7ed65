"""Keys of well-known services, recognised by their form alone: nothing else looks like one.

Most forms are those of detect-secrets. Where it has none, they are what GitHub's secret scanning documents:
https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns. RE2 matches
them, which reads a text once however long it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple

import re2

_WITHOUT_DETECTOR: Final = {
    "Google credential": (
        r"AIza[0-9A-Za-z_-]{35,}",
        r"ya29\.[0-9A-Za-z_-]{20,}",
        r"GOCSPX-[0-9A-Za-z_-]{28}",
    ),
    "Anthropic Token": (r"sk-ant-[a-z]+[0-9]{2}-[0-9A-Za-z_-]{64,}",),
    "GitHub Token": (r"github_pat_[0-9A-Za-z_]{80,}",),
    # A PEM block (RFC 7468), also with its ends of lines escaped, and where its end is missing. The library's detector
    # finds its first line only.
    "private key": (
        r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[0-9A-Za-z+/=\s\\:,.-]*?-----END (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----"
        r"|(?:(?:\\[nr]|\s)*[A-Za-z-]+: [0-9A-Za-z,-]+)*(?:\\[nr]|[0-9A-Za-z+/=\s])*)",
    ),
}


class KnownSecret(NamedTuple):
    """A place in a text."""

    start: int
    end: int
    kind: str
    """For people: `GitHub Token`."""


class KnownSecrets:
    """Finds keys of Google, OpenAI, Anthropic, GitHub and AWS, and private keys."""

    def __init__(self) -> None:
        self._any, self._kinds = _compiled()

    def find(self, text: bytes) -> Iterator[KnownSecret]:
        """Every key in a text, from left to right."""
        for match in self._any.finditer(text):
            start, end = match.span()
            yield KnownSecret(start, end, self._kinds[match.lastindex - 1])

    def replace(self, text: bytes, mark: bytes) -> bytes:
        """The text with the mark in place of every key."""
        return self._any.sub(lambda _: mark, text) if self._any.search(text) is not None else text


@cache
def _compiled() -> tuple[Any, list[str]]:
    """One expression, so that a text is read once; the group that takes part in a match says which kind it is."""
    forms = [*_detectors(), *((kind, form) for kind, forms in _WITHOUT_DETECTOR.items() for form in forms)]
    options = re2.Options()
    options.log_errors = False
    return re2.compile("|".join(f"({form})" for _, form in forms).encode(), options), [kind for kind, _ in forms]


def _detectors() -> Iterator[tuple[str, str]]:
    """Kinds and expressions of detect-secrets, without groups of their own."""
    from detect_secrets.plugins.aws import AWSKeyDetector
    from detect_secrets.plugins.github_token import GitHubTokenDetector
    from detect_secrets.plugins.openai import OpenAIDetector

    detectors: list[Any] = [AWSKeyDetector, GitHubTokenDetector, OpenAIDetector]
    for detector in detectors:
        for pattern in detector().denylist:
            flags = "(?i)" if pattern.flags & re.IGNORECASE else ""
            yield str(detector.secret_type), f"{flags}{_GROUP.sub('(?:', pattern.pattern)}"


_GROUP: Final = re.compile(r"(?<!\\)\((?!\?)")
