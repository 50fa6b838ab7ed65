"""Commands whose arguments are a query."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any, Final

from typer.core import TyperArgument, TyperCommand
from typer.exceptions import TyperException

from gemtap.settings_error import SettingsError

_NEGATED: Final = re.compile(r'-(?:[a-z_]+:|")')
"""The beginning of a negated condition or phrase. No option looks like it."""

_WORD: Final = re.compile(r"-[^\W\d_]{2}")
"""The beginning of a negated word, if it is no option: these have one letter, or two dashes."""

_END: Final = "--"
"""What follows is no option."""


class QueryCommand(TyperCommand):
    """A command for which `-client:cline` is a condition, not the option `-c`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; negated conditions are taken for what they are. Raises SettingsError for a word."""
        try:
            return super().parse_args(ctx, conditions_last(args))
        except TyperException as exc:
            word = next((each for each in args[: _end_of_options(args)] if _WORD.match(each)), None)
            if word is None:
                raise
            *before, _ = (each.metavar or each.name for each in self.params if isinstance(each, TyperArgument))
            is_long = any(f"-{word}" in parameter.opts for parameter in self.params)
            raise SettingsError(
                f"There is no option {word}.{f' Did you mean -{word}?' if is_long else ''} To negate a word, put -- "
                f"before it: {' '.join([ctx.command_path, *before])} -- {shlex.quote(word)}"
            ) from exc


def conditions_last(args: Sequence[str]) -> list[str]:
    """The arguments with negated conditions after a `--`. All conditions must hold, so their order means nothing."""
    end = _end_of_options(args)
    negated = [each for each in args[:end] if _NEGATED.match(each)]
    if not negated:
        return list(args)
    return [*(each for each in args[:end] if each not in negated), _END, *negated, *args[end + 1 :]]


def _end_of_options(args: Sequence[str]) -> int:
    return args.index(_END) if _END in args else len(args)
