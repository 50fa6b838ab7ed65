"""Regular expressions that people set, applied to bytes.

They are RE2's: it reads a text once, whatever the expression, so that none can hold anything up
(https://github.com/google/re2/wiki/Syntax).
"""

from __future__ import annotations

import re2


class Pattern:
    """One expression. Where it has groups, what these match is meant, else the whole match."""

    def __init__(self, expression: str) -> None:
        """Raises ValueError for what is no expression of RE2, and for one that matches the empty text."""
        options = re2.Options()
        options.log_errors = False
        try:
            self._compiled = re2.compile(expression.encode("utf-8"), options)
        except re2.error as exc:
            reason = exc.args[0].decode() if isinstance(exc.args[0], bytes) else exc
            raise ValueError(f"{expression!r} is no regular expression of RE2: {reason}") from None
        if self._compiled.search(b"") is not None:
            raise ValueError(f"{expression!r} matches the empty text, and so everywhere")
        self._groups = range(1, self._compiled.groups + 1) if self._compiled.groups else (0,)

    def replace(self, text: bytes, mark: bytes) -> bytes:
        """The text with the mark in place of all that is meant."""
        parts, end = [], 0
        for match in self._compiled.finditer(text):
            for start, stop in sorted(match.span(group) for group in self._groups):
                if start < end or start == stop:
                    continue  # within the one before, or a group that took no part in the match
                parts += [text[end:start], mark]
                end = stop
        return b"".join([*parts, text[end:]]) if parts else text
