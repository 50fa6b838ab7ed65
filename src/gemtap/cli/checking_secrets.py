"""`gemtap check --secrets`: credentials that rest in the store and in the spool, named and removed from the store."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import typer

from gemtap.cli.printing import console, harmless, print_json
from gemtap.cli.progress import progress_bar
from gemtap.cli.reading import open_for_reading
from gemtap.settings import Settings

if TYPE_CHECKING:
    from gemtap.stores.base import Store
    from gemtap.upkeep.secrets import StoredSecret
    from gemtap.upkeep.spool_secrets import SpooledSecret

_TOLD: Final = 1_000
"""Secrets that are listed one by one."""

_AT_ONCE: Final = 20
"""Interactions that are replaced together."""


@dataclass
class _Spooled:
    """What was found in the spool."""

    files: int = 0
    secrets: list[SpooledSecret] = field(default_factory=list)


def check_secrets(settings: Settings, *, redact: bool, as_json: bool) -> None:
    """Print where secrets are stored, with `redact` after replacing them. Exit status 1 if any are still there."""
    read, found, redacted = open_for_reading(settings, lambda store: _secrets(store, redact=redact))
    spooled = asyncio.run(_spooled(settings))
    if as_json:
        listed = [{"id": str(each.id), "where": each.where, "kind": each.kind} for each in found]
        in_spool = [{"file": each.file, "where": each.where, "kind": each.kind} for each in spooled.secrets]
        print_json(
            {
                "read": read,
                "secrets": listed,
                "redacted": redacted,
                "spool": {"read": spooled.files, "secrets": in_spool},
            }
        )
    else:
        out = console()
        lines = [f"{each.id}: {each.where}: {each.kind}" for each in found]
        lines += [f"spool/{each.file}: {each.where}: {each.kind}" for each in spooled.secrets]
        for line in lines[:_TOLD]:
            out.print(harmless(line), soft_wrap=True)
        if len(lines) > _TOLD:
            out.print(f"and {len(lines) - _TOLD:,} more")
        out.print(_summary(read, found, redacted, redact=redact), soft_wrap=True)
        out.print(harmless(_spool_summary(settings, spooled)), soft_wrap=True)
    if spooled.secrets or (found and not redact):
        raise typer.Exit(1)


def _spool_summary(settings: Settings, spooled: _Spooled) -> str:
    if not spooled.secrets:
        return f"{spooled.files:,} files in the spool, no secret found."
    affected = len({each.file for each in spooled.secrets})
    return (
        f"Secrets in {affected:,} of {spooled.files:,} files in the spool, {settings.spool_dir}. Captures are never "
        "changed: record those that wait by running `gemtap serve`, then check again; delete those in failed/."
    )


async def _spooled(settings: Settings) -> _Spooled:
    """What is in the spool: captures that wait, are under way or have failed, and the notes beside them."""
    from gemtap.capture.spool import Spool
    from gemtap.upkeep.spool_secrets import examine_spool

    spooled = _Spooled()
    with progress_bar() as show:
        async for found in examine_spool(Spool(settings.spool_dir)):
            spooled.files += 1
            spooled.secrets += found
            show(f"spool: {len(spooled.secrets):,} secrets", spooled.files, spooled.files)
    return spooled


def _summary(read: int, found: list[StoredSecret], redacted: int, *, redact: bool) -> str:
    if not found:
        return f"{read:,} interactions, no secret found."
    affected = len({each.id for each in found})
    if redact:
        return f"Secrets replaced in {redacted:,} of {read:,} interactions. Backups and exports still have them."
    return f"Secrets in {affected:,} of {read:,} interactions. `gemtap check --secrets --redact` replaces them."


async def _secrets(store: Store, *, redact: bool) -> tuple[int, list[StoredSecret], int]:
    """How many interactions were read, the secrets, and in how many interactions they were replaced."""
    from gemtap.stores.base import Filter
    from gemtap.upkeep.secrets import Examined, examine, make_searchable_again, redact_examined

    total = await store.count(Filter())
    read, redacted = 0, 0
    found: list[StoredSecret] = []
    waiting: list[Examined] = []
    with progress_bar() as show:
        async for each in examine(store):
            read += 1
            found += each.secrets
            show(f"{len(found):,} secrets" if found else "no secrets", read, total)
            if redact and each.secrets:
                waiting.append(each)
                if len(waiting) >= _AT_ONCE:
                    redacted += await redact_examined(store, waiting)
                    waiting.clear()
        if waiting:
            redacted += await redact_examined(store, waiting)
        if redacted:
            await make_searchable_again(store)
            async for step in store.maintenance.reclaim():
                show("freeing what was replaced", step.done, step.of)
    return read, found, redacted
