"""Progress of a long command: a bar on stderr if it is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

Show = Callable[[str, int, int | None], None]
"""Shows progress: takes a description, the amount done, and the total, or None if it is unknown."""


@contextmanager
def progress_bar() -> Iterator[Show]:
    """A progress bar that disappears at the end."""
    columns = (
        *(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()),
        TimeRemainingColumn(),
    )
    err = Console(stderr=True)
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def show(what: str, completed: int, total: int | None) -> None:
            bar.update(task, description=what, completed=completed, total=total)

        yield show
