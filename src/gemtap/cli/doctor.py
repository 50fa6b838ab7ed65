"""`gemtap doctor`: checks the installation, and says how to fix problems."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Final, Literal

import typer
from rich.table import Table
from rich.text import Text

from gemtap.addresses import mask, mask_in
from gemtap.cli.app import AsJson, Config, DataDir, StoreUrl, app, settings_of
from gemtap.cli.health import ask, desk_url, reason_of, running, tap_url
from gemtap.cli.printing import console, harmless
from gemtap.data_dir_lock import holder_of, served_settings
from gemtap.environment_proxy import BadProxy, environment_proxy
from gemtap.providers.registry import FAULTS, PROVIDERS, checked
from gemtap.settings import Settings, address_of, every_setting, served_settings_of, shown_settings
from gemtap.settings_loading import Loaded
from gemtap.store_kinds import file_of

_TIMEOUT: Final = 10.0
_LOW_DISK: Final = 2 * 2**30
_FEW_FILES: Final = 4096
"""An exchange takes three open files."""

_OLD: Final = 60.0
"""Seconds after which a capture that waits is a sign that nothing is recorded."""

Verdict = Literal["ok", "note", "fault"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    name: str
    verdict: Verdict
    text: str


@app.command()
def doctor(
    every: Annotated[bool, typer.Option("--settings", help="List all settings, not only changed ones.")] = False,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Check the installation; exit 1 on any problem.

    Example: gemtap doctor
    """
    loaded = settings_of({"data_dir": data_dir, "store": store}, config)
    findings = list(_examine(loaded))
    if as_json:
        print(json.dumps({"settings": _settings(loaded), "findings": [asdict(each) for each in findings]}))
    else:
        _print(loaded, findings, every=every)
    if any(each.verdict == "fault" for each in findings):
        raise typer.Exit(1)


def _examine(loaded: Loaded) -> Iterator[Finding]:
    settings = loaded.settings
    yield _data_dir(settings)
    yield _disk(settings)
    yield _open_files()
    for provider, upstream in settings.providers.upstreams().items():
        finding = _upstream(provider, upstream)
        if (
            finding.verdict == "fault"
            and not PROVIDERS[provider].wire.is_default
            and f"providers.{provider}.upstream" not in loaded.origins
        ):
            # Who does not use it need not reach it.
            finding = replace(finding, verdict="note")
        yield finding
    yield from _plugins()
    yield _store(settings)
    yield from _differing(settings)
    yield from _serving(running(settings))
    yield _spool(settings)


def _plugins() -> Iterator[Finding]:
    """Providers of other packages that cannot be used."""
    failing = [fault for provider in PROVIDERS.values() if (fault := checked(provider)) is not None]
    for fault in (*FAULTS, *failing):
        text = f"{fault.reason}. Update or uninstall {fault.origin.package}."
        yield Finding(f"provider {fault.name}", "fault", text)


def _data_dir(settings: Settings) -> Finding:
    path = settings.data_dir.absolute()
    if not path.exists():
        parent = next(parent for parent in path.parents if parent.exists())
        if not os.access(parent, os.W_OK | os.X_OK):
            return Finding(
                "data directory", "fault", f"{path} cannot be made: {parent} is not writable. See --data-dir."
            )
        return Finding("data directory", "note", f"{path} does not exist yet: `gemtap serve` creates it.")
    if not os.access(path, os.W_OK | os.X_OK):
        return Finding("data directory", "fault", f"{path} is not writable. Fix its permissions, or see --data-dir.")
    try:
        holder = holder_of(path)
    except OSError as exc:
        return Finding("data directory", "note", f"{path} cannot be locked ({exc.strerror}): start one `gemtap serve`.")
    return Finding("data directory", "ok", f"{path}, used by {holder}" if holder else str(path))


def _disk(settings: Settings) -> Finding:
    path = settings.data_dir.absolute()
    free = shutil.disk_usage(next(each for each in (path, *path.parents) if each.exists())).free
    text = f"{free / 2**30:.1f} GiB free"
    return (
        Finding("disk", "ok", text) if free >= _LOW_DISK else Finding("disk", "fault", f"only {text}. Free some space.")
    )


def _open_files() -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= _FEW_FILES:
        return Finding("open files", "ok", "no limit" if hard == resource.RLIM_INFINITY else f"up to {hard}")
    text = f"at most {hard}, enough for {hard // 3} exchanges at once. Raise the hard limit (ulimit -Hn)."
    return Finding("open files", "note", text)


def _upstream(provider: str, upstream: str) -> Finding:
    name = f"upstream {provider}"
    if "{" in upstream:
        return Finding(name, "ok", f"{mask(upstream)}, by the request's location")
    shown = mask(upstream)
    try:
        proxy = environment_proxy(upstream)
    except BadProxy as exc:
        return Finding(name, "fault", f"{shown} cannot be reached: {exc}")
    through = f" through {mask(proxy)}" if proxy else ""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy, "https": proxy} if proxy else {}))
    started = time.perf_counter()
    try:
        opener.open(upstream + "/", timeout=_TIMEOUT).close()
    except urllib.error.HTTPError as exc:
        exc.close()  # any answer will do: it is there
    except OSError as exc:
        return Finding(
            name,
            "fault",
            mask_in(f"{shown} cannot be reached{through}: {reason_of(exc)}. Check the network and proxies."),
        )
    took = (time.perf_counter() - started) * 1000
    return Finding(name, "ok", f"{shown} answers{through} in {took:.0f} ms, with a new connection")


def _store(settings: Settings) -> Finding:
    from gemtap.stores.base import StoreError
    from gemtap.stores.opening import open_store

    async def look() -> str:
        opened = open_store(settings.store_url)
        try:
            await opened.ping()
            return opened.description
        finally:
            await opened.close()

    path = file_of(settings.store_url)
    if path is not None and not path.exists():
        return Finding("store", "note", f"{settings.store_url} does not exist yet: `gemtap serve` creates it.")
    try:
        return Finding("store", "ok", asyncio.run(look()))
    except (StoreError, ValueError) as exc:
        return Finding("store", "fault", str(exc))


def _differing(settings: Settings) -> Iterator[Finding]:
    """Settings of the running process that are not those of this command."""
    here = served_settings_of(settings)
    served = served_settings(settings.data_dir)
    others = [f"{name} {value} (here {here[name]})" for name, value in served.items() if here.get(name) != value]
    if others:
        text = f"`gemtap serve` runs with other settings: {', '.join(others)}. The checks below use its addresses."
        yield Finding("settings", "note", text)


def _serving(settings: Settings) -> Iterator[Finding]:
    tap = ask(tap_url(settings, "/_gemtap/health"))
    if tap.get("status") != "ok":
        yield Finding("proxy", "note", f"not running on port {settings.port}: `gemtap serve` starts it.")
        return
    lost, refused = tap.get("captures_lost"), tap.get("requests_refused")
    if tap.get("full"):
        yield Finding("proxy", "fault", f"nothing is captured: {tap['full']}. Free some space.")
    elif lost or refused:
        text = f"{lost} exchanges were not recorded and {refused} were refused since its start: {tap.get('last_loss')}"
        yield Finding("proxy", "fault", text)
    elif unsynced := tap.get("captures_unsynced"):
        text = f"{unsynced} captures since its start were not synced: a power failure may lose them. Check the disk."
        yield Finding("proxy", "fault", text)
    else:
        yield Finding("proxy", "ok", f"answers at {address_of(settings)}")
    desk = ask(desk_url(settings, "/readyz"))
    if desk.get("status") == "ok":
        # With access keys, the dashboard tells nobody more without one.
        told = f"{desk['recorded']} since its start, {desk.get('backlog')} waiting" if "recorded" in desk else "works"
        yield Finding("recording", "ok", told)
    else:
        text = f"{desk.get('error', 'The dashboard reports a fault.')} {desk.get('backlog', 'Some')} captures wait."
        yield Finding("recording", "fault", text)


def _spool(settings: Settings) -> Finding:
    from gemtap.capture.backlog import Backlog
    from gemtap.capture.spool import Spool

    spool = Spool(settings.spool_dir)
    try:
        (waiting, oldest), failed = Backlog(spool).look(), spool.failed_count()
    except OSError as exc:
        if isinstance(exc, FileNotFoundError):
            return Finding("spool", "ok", "empty")
        return Finding("spool", "fault", f"{spool.path} cannot be read: {exc.strerror}. Fix its permissions.")
    if failed:
        text = f"{failed} captures could not be stored. They are in {spool.failed}, each with its reason."
        return Finding("spool", "fault", text)
    age = time.time() - oldest.timestamp() if oldest is not None else 0
    if age > _OLD:
        return Finding("spool", "fault", f"{waiting} captures wait, the oldest for {age:.0f} s. Nothing is recorded.")
    return Finding("spool", "ok", f"{waiting} captures wait")


def _settings(loaded: Loaded) -> list[dict[str, str]]:
    return [
        {"name": name, "value": value, "from": loaded.origins.get(name, "default")}
        for name, value in shown_settings(loaded.settings, every_setting(loaded.settings)).items()
    ]


_MARKS: Final[dict[Verdict, tuple[str, str]]] = {"ok": ("✓", "green"), "note": ("·", "yellow"), "fault": ("✗", "red")}


def _print(loaded: Loaded, findings: list[Finding], *, every: bool) -> None:
    out = console()
    found = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        mark, colour = _MARKS[finding.verdict]
        found.add_row(Text(mark, colour), finding.name, harmless(finding.text))
    out.print(Text("Checks", "bold"))
    out.print(found)
    settings = Table(box=None, pad_edge=False, show_header=False)
    shown = [each for each in _settings(loaded) if every or each["from"] != "default"]
    for each in shown:
        style = "dim" if each["from"] == "default" else ""
        settings.add_row(each["name"], harmless(each["value"], style), Text(each["from"], "dim"))
    out.print(Text("\nSettings" if every else "\nSettings that were changed", "bold"))
    out.print(settings if shown else Text("None: all have their defaults. --settings lists them.", "dim"))
    tap = address_of(running(loaded.settings))
    out.print(Text(f"\nSet the base URL of your client to {tap}. `gemtap setup` shows how.", "dim"))
