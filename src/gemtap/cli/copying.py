"""`gemtap copy`: copies one store into another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gemtap.cli.app import AsJson, Config, DataDir, Failed, StoreUrl, app, settings_of
from gemtap.cli.printing import console, print_json
from gemtap.cli.progress import progress_bar
from gemtap.cli.reading import open_for_reading
from gemtap.settings import SettingsError
from gemtap.store_kinds import FORMS

if TYPE_CHECKING:
    from gemtap.stores.base import Store
    from gemtap.upkeep.copy import Copied


@app.command()
def copy(
    to: Annotated[str, typer.Option("--to", metavar="URL", help=f"{FORMS}.")],
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Copy all interactions to another store.

    Example: gemtap copy --to sqlite:///copy.db

    If it is interrupted, run it again: it copies the rest. Exit status 1 if an interaction is damaged or the other
    store cannot hold it; all others are copied.
    """
    settings = settings_of({"data_dir": data_dir, "store": store}, config).settings
    if to == settings.store_url:
        raise SettingsError("Bad flag --to: this is the store to copy from.")
    done = open_for_reading(settings, lambda source: _copy(source, to), prerelease=True)
    if as_json:
        print_json(
            {
                "copied": done.copied,
                "present": done.present,
                "incidents": done.incidents,
                "rejected": {str(id_): why for id_, why in done.rejected.items()},
            }
        )
    else:
        there = f" {done.present:,} were already stored." if done.present else ""
        console().print(f"{done.copied:,} interactions copied.{there}")
    if done.rejected:
        id_, why = next(iter(done.rejected.items()))
        more = f" {len(done.rejected) - 1:,} more were not copied." if len(done.rejected) > 1 else ""
        raise Failed(f"{id_} is not copied: {why}{more}")


async def _copy(source: Store, url: str) -> Copied:
    from gemtap.stores.opening import open_store
    from gemtap.upkeep.copy import copy

    try:
        target = open_store(url)
    except ValueError as exc:
        raise SettingsError(f"Bad flag --to: {exc}") from exc
    if target.description == source.description:
        raise SettingsError("Bad flag --to: this is the store to copy from.")
    try:
        await target.open()
        with progress_bar() as show:
            return await copy(
                source, target, progress=lambda done, total: show(f"{done.copied:,} copied", done.looked_at, total)
            )
    finally:
        await target.close()
