"""`gemtap import`: imports recordings of other programs and exports of Gemtap."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gemtap.cli.app import AsJson, Config, DataDir, Failed, StoreUrl, app, settings_of
from gemtap.cli.printing import console, harmless, print_json
from gemtap.cli.progress import progress_bar
from gemtap.cli.reading import open_for_writing
from gemtap.settings import Settings
from gemtap.units import format_size

if TYPE_CHECKING:
    from gemtap.importers.base import Imported
    from gemtap.importers.exchanges import Importing
    from gemtap.stores.base import Store


@app.command(name="import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="HAR (also zipped), JSON lines, compact traces, or flows.")
    ],
    everything: Annotated[
        bool, typer.Option("--everything", help="HAR and flows: also requests to APIs that Gemtap does not know.")
    ] = False,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Import interactions from files: HAR, JSON lines of Gemtap, traces of claude-tap, flows of mitmproxy.

    Example: gemtap import all.jsonl

    Credentials are replaced by fingerprints. Interactions that are already stored are skipped. Entries that cannot be
    read are listed, and the others are stored; the exit status is then 1.
    """
    settings = settings_of({"data_dir": data_dir, "store": store}, config).settings
    from gemtap.importers.base import ImportFailed

    try:
        done = open_for_writing(settings, lambda opened: _import(opened, settings, files, everything=everything))
    except ImportFailed as exc:
        raise Failed(str(exc)) from exc
    if as_json:
        print_json({str(path): each.as_json() for path, each in done.items()})
    else:
        for path, each in done.items():
            for number, line in enumerate(each.lines()):
                # Errors name the file if there are several.
                console().print(harmless(f"{path}: {line}" if number == 0 and len(files) > 1 else line), soft_wrap=True)
    if any(each.faulty for each in done.values()):
        raise typer.Exit(1)


async def _import(store: Store, settings: Settings, files: list[Path], *, everything: bool) -> dict[Path, Imported]:
    from gemtap.importers.files import import_file

    with_ = _importing(settings)
    done = {}
    with progress_bar() as show:
        for path in files:

            def tell(report: Imported, read: int, size: int, path: Path = path) -> None:
                show(f"{path.name}: {report.stored:,} stored, {format_size(read)} read", read, size)

            done[path] = await import_file(path, store, with_, everything=everything, progress=tell)
    return done


def _importing(settings: Settings) -> Importing:
    from gemtap.importers.exchanges import Importing, KnownFingerprints
    from gemtap.recorder.redact import redactor_of
    from gemtap.tap.credentials import load_fingerprint_secret

    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret = load_fingerprint_secret(settings.data_dir / "fingerprint.key")
    except OSError as exc:
        raise Failed(f"The data directory cannot be used: {exc}.") from exc
    redactor = redactor_of(settings)
    return Importing(KnownFingerprints(secret), settings.providers.upstreams(), redactor)
