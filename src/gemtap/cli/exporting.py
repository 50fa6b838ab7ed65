"""`gemtap export`: writes interactions to a file for other programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from gemtap.cli.app import AsJson, Config, DataDir, Failed, StoreUrl, app, settings_of
from gemtap.cli.ids import resolve
from gemtap.cli.printing import console, harmless, print_bytes, print_json
from gemtap.cli.reading import filter_of, open_for_reading
from gemtap.settings import SettingsError

if TYPE_CHECKING:
    from gemtap.exporters.base import ExportOptions, Format, Report
    from gemtap.stores.base import Store


def _complete(beginning: str) -> list[str]:
    from gemtap.exporters.registry import FORMATS

    return [name for name in FORMATS if name.startswith(beginning)]


@app.command()
def export(
    name: Annotated[
        str, typer.Argument(metavar="FORMAT", help="Default: list the formats.", autocompletion=_complete)
    ] = "",
    id_: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="Thread or interaction, for formats of one conversation."),
    ] = None,
    *,
    where: Annotated[
        str | None,
        typer.Option(metavar="QUERY", help="Only interactions that match: rating:good since:30d. See docs/queries.md."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file. Default: standard output.")] = None,
    split: Annotated[
        float | None, typer.Option(help="Training formats: share of conversations in the training file, such as 0.9.")
    ] = None,
    every_turn: Annotated[
        bool, typer.Option("--every-turn", help="Training formats: every turn, not only the last of each conversation.")
    ] = False,
    scrub: Annotated[bool, typer.Option("--scrub", help="Remove secrets and personal data.")] = False,
    bodies: Annotated[bool, typer.Option("--bodies", help="csv and parquet: include the bodies.")] = False,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Export interactions to a file for other programs.

    Example: gemtap export openai-chat --split 0.9 --scrub -o set.jsonl

    With --json the summary is JSON on standard output; this needs -o.
    """
    from gemtap.exporters.registry import FORMATS

    if not name:
        _list_formats(as_json=as_json)
        return
    chosen = FORMATS.get(name)
    if chosen is None:
        near = get_close_matches(name, FORMATS, n=1, cutoff=0.5)
        meant = f" Did you mean '{near[0]}'?" if near else ""
        raise SettingsError(f"Unknown format '{name}'.{meant} Formats: {', '.join(FORMATS)}.")
    _check(
        chosen, output, {"--split": split, "--every-turn": every_turn, "--scrub": scrub, "--bodies": bodies}, as_json
    )

    from gemtap.exporters.base import ExportError, ExportOptions, Report

    wanted = _narrowed(ExportOptions(bodies=bodies, every_turn=every_turn, split=split), chosen, id_, where)
    report = Report()

    async def work(opened: Store) -> None:
        options = wanted if id_ is None else replace(wanted, one=await resolve(opened, id_))
        await _write(opened, chosen, _scrubbed(options) if scrub else options, report, output)

    try:
        open_for_reading(settings_of({"data_dir": data_dir, "store": store}, config).settings, work)
    except ExportError as exc:
        raise Failed(str(exc)) from exc
    if as_json:
        print_json(report.as_json())
    else:
        _print_report(Console(stderr=True, highlight=False), report)


def _list_formats(*, as_json: bool) -> None:
    from gemtap.exporters.registry import FORMATS

    if as_json:
        print_json(
            {"formats": [{"name": each.name, "what": each.what, "suffix": each.suffix} for each in FORMATS.values()]}
        )
        return
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    for each in FORMATS.values():
        table.add_row(each.name, each.what)
    console().print(table)


def _check(chosen: Format, output: Path | None, flags: dict[str, Any], as_json: bool) -> None:
    """Check that the flags can be combined. Raises SettingsError."""
    takes = {"--split": chosen.trains, "--every-turn": chosen.trains, "--scrub": chosen.trains or chosen.shows_one}
    takes["--bodies"] = chosen.name in ("csv", "parquet")
    for flag, given in flags.items():
        if given not in (None, False) and not takes[flag]:
            raise SettingsError(f"{flag} does not apply to {chosen.name}.")
    split = flags["--split"]
    if split is not None and not 0 < split < 1:
        raise SettingsError(f"Bad flag --split: {split:g} is not between 0 and 1, such as 0.9.")
    if output is None:
        for flag, given in (("--split", split is not None), ("--json", as_json)):
            if given:
                raise SettingsError(f"{flag} needs a file: add -o FILE.")
        if chosen.is_binary and sys.stdout.isatty():
            raise SettingsError(f"{chosen.name} is a binary format: add -o FILE{chosen.suffix}.")


def _narrowed(wanted: ExportOptions, chosen: Format, id_: str | None, where: str | None) -> ExportOptions:
    if chosen.shows_one != (id_ is not None):
        needs = "exports one conversation: add its ID" if chosen.shows_one else "takes no ID"
        raise SettingsError(f"{chosen.name} {needs}. `gemtap ls` lists them.")
    if id_ is not None:
        if where is not None:
            raise SettingsError(f"--where does not apply to {chosen.name}.")
        return wanted
    return wanted if where is None else replace(wanted, where=filter_of(where))


def _scrubbed(wanted: ExportOptions) -> ExportOptions:
    from gemtap.exporters.scrub import make_scrub

    return replace(wanted, scrub=make_scrub())


async def _write(store: Store, chosen: Format, wanted: ExportOptions, report: Report, output: Path | None) -> None:
    from gemtap.exporters.files import paths_of, save

    pieces = chosen.write(store, wanted, report)
    if output is None:
        async for piece in pieces:
            print_bytes(piece.content)
        return
    with _progress(report) as show:
        await save(pieces, paths_of(output, split=wanted.split is not None), show)


@contextmanager
def _progress(report: Report) -> Iterator[Any]:
    """Show progress on stderr if it is a terminal."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    err = Console(stderr=True)
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("")
        yield lambda: progress.update(task, description=f"{report.read:,} read, {report.written.total():,} written")


def _print_report(err: Console, report: Report) -> None:
    for line in report.lines():
        err.print(harmless(line), soft_wrap=True)
