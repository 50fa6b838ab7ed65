"""Completion of values in the shell, for options and arguments that take a few words."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def one_of(choices: Iterable[str]) -> Callable[[str], list[str]]:
    """What completes the beginning of one of these words."""

    def complete(beginning: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(beginning)]

    return complete
