"""Commands whose arguments are a query."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from typer.core import TyperCommand

_NEGATED: Final = re.compile(r'-(?:[a-z_]+:|")')
"""The beginning of a negated condition or phrase. No option looks like it."""

_END: Final = "--"
"""What follows is no option."""


class QueryCommand(TyperCommand):
    """A command for which `-client:cline` is a condition, not the option `-c`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; negated conditions are taken for what they are."""
        return super().parse_args(ctx, conditions_last(args))


def conditions_last(args: Sequence[str]) -> list[str]:
    """The arguments with negated conditions after a `--`. All conditions must hold, so their order means nothing."""
    end = args.index(_END) if _END in args else len(args)
    negated = [each for each in args[:end] if _NEGATED.match(each)]
    if not negated:
        return list(args)
    return [*(each for each in args[:end] if each not in negated), _END, *negated, *args[end + 1 :]]
