"""`gemtap prune`: deletes interactions by age or size."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gemtap import units
from gemtap.cli.app import AsJson, Config, DataDir, StoreUrl, app, settings_of
from gemtap.cli.printing import console, print_json
from gemtap.cli.progress import progress_bar
from gemtap.cli.reading import open_for_reading
from gemtap.settings import SettingsError
from gemtap.units import format_size

if TYPE_CHECKING:
    from gemtap.stores.base import Store
    from gemtap.upkeep.prune import Pruned, Retention


@app.command()
def prune(
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Delete conversations whose last turn is older: 90d.")
    ] = None,
    max_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Then delete the oldest until the store is no larger: 5GB.")
    ] = None,
    keep: Annotated[
        str | None, typer.Option(metavar="QUERY", help="Keep conversations with a matching interaction: rating:good.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be deleted.")] = False,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Delete old interactions; recording continues meanwhile.

    Example: gemtap prune --older-than 90d --keep rating:good --max-size 5GB --dry-run

    Without a flag, the settings prune_older_than, prune_max_size and prune_keep apply. With these settings,
    `gemtap serve` prunes once a day. --keep '' ignores prune_keep.
    """
    _check("--older-than", older_than, units.parse_age)
    _check("--max-size", max_size, units.parse_size)
    flags = {"prune_older_than": older_than, "prune_max_size": max_size, "prune_keep": keep}
    loaded = settings_of({**flags, "data_dir": data_dir, "store": store}, config)

    from gemtap.stores.query.parsing import BadQuery
    from gemtap.upkeep.daily import retention_of

    at = datetime.now(UTC)
    try:
        retention = retention_of(loaded.settings, at)
    except BadQuery as exc:
        raise SettingsError(f"Bad {'setting prune_keep' if keep is None else 'flag --keep'}: {exc}") from exc
    if retention.asks_for_nothing:
        raise SettingsError("Nothing to prune by: give --older-than, --max-size or both.")
    done = open_for_reading(loaded.settings, lambda opened: _prune(opened, retention, at, dry_run=dry_run))
    if as_json:
        print_json(_plain(done, dry_run=dry_run))
    else:
        _say(done, retention, dry_run=dry_run)


def _check(flag: str, text: str | None, read: Callable[[str], object]) -> None:
    """Check that a flag's text can be parsed. An empty text disables the setting. Raises SettingsError."""
    try:
        if text:
            read(text)
    except ValueError as exc:
        raise SettingsError(f"Bad flag {flag} {text}: it {exc}.") from exc


async def _prune(store: Store, retention: Retention, at: datetime, *, dry_run: bool) -> Pruned:
    from gemtap.upkeep.prune import prune

    with progress_bar() as show:
        return await prune(
            store,
            retention,
            at,
            dry_run=dry_run,
            progress=lambda done, looked_at, total: show(f"{done.deleted:,} deleted", looked_at, total),
        )


def _plain(done: Pruned, *, dry_run: bool) -> dict[str, Any]:
    from gemtap.interaction import iso

    return {
        "dry_run": dry_run,
        "deleted": done.deleted,
        "kept": done.kept,
        "oldest": iso(done.oldest) if done.oldest else None,
        "newest": iso(done.newest) if done.newest else None,
        "bytes_before": done.before.used if done.before else None,
        "bytes_after": done.after.used if done.after else None,
        "bytes_given_back": done.given_back,
        "too_large": done.too_large,
    }


def _say(done: Pruned, retention: Retention, *, dry_run: bool) -> None:
    out = console()
    would = "would be" if dry_run else "were" if done.deleted != 1 else "was"
    when = f", from {done.oldest:%Y-%m-%d %H:%M} to {done.newest:%Y-%m-%d %H:%M} (UTC)" if done.deleted else ""
    out.print(f"{done.deleted:,} interaction{'' if done.deleted == 1 else 's'} {would} deleted{when}.", soft_wrap=True)
    if done.kept:
        out.print(f"{done.kept:,} that were old enough stay: kept, or part of a conversation that does.")
    if done.before and done.after and not dry_run:
        out.print(
            f"Store size: {format_size(done.after.used)} (was {format_size(done.before.used)}); "
            f"{format_size(done.given_back)} returned to the disk, {format_size(done.after.free)} free in its files.",
            soft_wrap=True,
        )
    if done.too_large:
        reason = "an empty store is too" if retention.keep is None else "--keep protects the rest"
        out.print(f"The store {'would be' if dry_run else 'is'} still larger than --max-size: {reason}.")
