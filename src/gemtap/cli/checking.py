"""`gemtap check` and `gemtap repair`: whether everything is still as it was stored, and what to do if not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gemtap.cli.app import AsJson, Config, DataDir, StoreUrl, app, settings_of
from gemtap.cli.printing import console, harmless, print_json
from gemtap.cli.progress import progress_bar
from gemtap.cli.reading import open_for_reading
from gemtap.settings_error import SettingsError

if TYPE_CHECKING:
    from gemtap.stores.base import Store
    from gemtap.stores.maintenance import Fault

_TOLD: Final = 1_000
"""Faults that are told one by one."""


@app.command()
def check(
    *,
    secrets: Annotated[bool, typer.Option("--secrets", help="Search the store and the spool for credentials.")] = False,
    redact: Annotated[bool, typer.Option("--redact", help="With --secrets: replace them in the store.")] = False,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Check the store for missing or damaged data; exit 1 on any problem.

    Example: gemtap check

    Example: gemtap check --secrets

    Only --redact changes anything. Gemtap can record meanwhile.
    """
    settings = settings_of({"data_dir": data_dir, "store": store}, config).settings
    if redact and not secrets:
        raise SettingsError("--redact needs --secrets.")
    if secrets:
        from gemtap.cli.checking_secrets import check_secrets

        check_secrets(settings, redact=redact, as_json=as_json)
        return
    read, count, faults = open_for_reading(settings, lambda opened: _faults(opened, opened.maintenance.check))
    summary = f"{read:,} interactions checked, no damage found."
    if count:
        summary = (
            f"{count:,} faults in {read:,} interactions. Check the disk first. If you have a backup, restore it; "
            "`gemtap repair` moves the damage aside and keeps everything else."
        )
    _report(read, count, faults, summary, "faulty" if as_json else None)


@app.command()
def repair(as_json: AsJson = False, config: Config = None, data_dir: DataDir = None, store: StoreUrl = None) -> None:
    """Move damaged data of the store aside and list what is lost; exit 1 if anything is.

    Example: gemtap repair

    Nothing is deleted: what cannot be read stays in tables of its own. Stop `gemtap serve` first and back up the file.
    """
    settings = settings_of({"data_dir": data_dir, "store": store}, config).settings
    read, count, faults = open_for_reading(settings, lambda opened: _faults(opened, opened.maintenance.repair))
    losses = {0: "No losses", 1: "1 loss"}.get(count, f"{count:,} losses")
    _report(read, count, faults, f"{losses} in {read:,} interactions.", "lost" if as_json else None)


def _report(read: int, count: int, faults: list[Fault], summary: str, counted_as: str | None) -> None:
    """Print faults and a summary, or JSON with the count under this name. Exit status 1 if there are faults."""
    if counted_as is not None:
        told = [{"id": None if each.id is None else str(each.id), "what": each.what} for each in faults]
        print_json({"read": read, counted_as: count, "faults": told})
    else:
        out = console()
        for each in faults:
            out.print(harmless(f"{each.id or 'the store'}: {each.what}"), soft_wrap=True)
        if count > len(faults):
            out.print(f"and {count - len(faults):,} more")
        out.print(summary, soft_wrap=True)
    if count:
        raise typer.Exit(1)


async def _faults(
    store: Store, look: Callable[[Callable[[int], None]], AsyncIterator[Fault]]
) -> tuple[int, int, list[Fault]]:
    """How many interactions were read, how many faults there are, and the first of them."""
    from gemtap.stores.base import Filter

    total = await store.count(Filter())
    read, count = 0, 0
    faults: list[Fault] = []
    with progress_bar() as show:

        def looked_at(more: int) -> None:
            nonlocal read
            read += more
            show(f"{count:,} faults" if count else "no faults", read, total)

        async for fault in look(looked_at):
            count += 1
            if len(faults) < _TOLD:
                faults.append(fault)
    return read, count, faults
