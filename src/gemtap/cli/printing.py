"""Output of commands: recorded text without terminal escapes, and JSON for programs."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from gemtap.control_chars import CONTROL_CHARS, show_control_chars

_WIDE: Final = 240
"""Width in columns if the output is not a terminal."""

_UNLIMITED: Final = 10_000


class _Console(Console):
    def on_broken_pipe(self) -> None:
        _end_quietly()


def console(*, wide: bool = False) -> Console:
    """Standard output, coloured if it is a terminal, and wide if it is not. `wide`: for tables of any width."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # not every locale can encode the text of models
    return _Console(highlight=False, width=_UNLIMITED if wide else None if sys.stdout.isatty() else _WIDE)


@contextmanager
def paged(*, wide: bool = False) -> Iterator[Console]:
    """Standard output through a pager if it is a terminal: `PAGER`, or `less`. `PAGER=cat` disables it.

    `wide`: tables may be wider than the terminal, and the pager's arrow keys scroll sideways.
    """
    # A table in a pipe takes what it needs: rich would cut every column of a wider one, ids and numbers too.
    out = console(wide=wide or not sys.stdout.isatty())
    if not sys.stdout.isatty():
        yield out
        return
    # Keep colours, do not clear the screen, exit if the output fits, and scroll sideways. Users can override this.
    os.environ.setdefault("LESS", "-FRSX" if wide else "-FRX")
    with out.pager(styles=True):
        yield out


def harmless(text: str, style: str = "") -> Text:
    """The text with visible control characters, which could otherwise move the cursor or set the window's title."""
    return Text(show_control_chars(text), style=style)


def one_line(text: str | None, longest: int = 60) -> Text:
    """The beginning of the text, in one line."""
    words = " ".join((text or "").split())
    return harmless(words if len(words) <= longest else words[: longest - 1] + "…")


def local_time(moment: str, *, narrow: bool = False) -> str:
    """A time of the API in the local time zone; if `narrow`, only its time of day if it is today's."""
    local = datetime.fromisoformat(moment).astimezone()
    if narrow:
        is_today = local.date() == datetime.now().astimezone().date()
        return f"{local:%H:%M:%S}" if is_today else f"{local:%m-%d %H:%M}"
    return f"{local:%Y-%m-%d %H:%M:%S}"


def time_zone() -> str:
    """The name of the local time zone now: `CET`."""
    return datetime.now().astimezone().tzname() or "local"


def dollars(usd: float) -> str:
    """An amount of money: `$12.34`, `$0.0012`."""
    return f"${usd:,.2f}" if usd >= 1 or usd == 0 else f"${usd:.6f}" if usd < 0.01 else f"${usd:.4f}"


def in_short(count: float) -> str:
    """A count in short form: `1.2M`."""
    for unit in ("", "k", "M", "G"):
        if count < 1000:
            return f"{count:.1f}{unit}" if unit and count < 100 else f"{count:.0f}{unit}"
        count /= 1000
    return f"{count:.0f}T"


def as_json(value: Any, *, indent: int | None = None) -> str:
    """JSON of a value, with control characters escaped so that a terminal does not interpret them."""
    # These characters occur only inside strings, where an escape is equivalent.
    return CONTROL_CHARS.sub(_escaped, json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent))


def print_json(value: Any) -> None:
    """Print a value as one line of JSON in UTF-8, whatever the locale."""
    print_bytes(as_json(value).encode("utf-8") + b"\n")


def print_bytes(content: bytes) -> None:
    """Print bytes unchanged and flush them."""
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _end_quietly()


def _end_quietly() -> NoReturn:
    """Exit with status 0, since `gemtap ls | head` is no error. typer would treat it as one."""
    # Output that is flushed at exit needs a destination: https://docs.python.org/3/library/signal.html
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]
