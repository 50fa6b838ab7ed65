"""`gemtap ca`: the authority for interception, and the stores that trust it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gemtap.cli.app import Config, DataDir, Failed, app, settings_of

if TYPE_CHECKING:
    from gemtap.interception.authority import Authority
    from gemtap.interception.trust_stores import TrustStore

ca_app = typer.Typer(no_args_is_help=True)
app.add_typer(ca_app, name="ca")


@ca_app.callback()
def ca() -> None:
    """Show, trust, or replace the authority for interception.

    Example: gemtap ca show
    """


class Kind(StrEnum):
    """A kind of store."""

    SYSTEM = "system"
    BROWSERS = "browsers"


Kinds = Annotated[
    list[Kind] | None,
    typer.Option("--store", help="Limit to the system's store, or to those of Firefox and Chromium. Default: both."),
]


@ca_app.command()
def show(config: Config = None, data_dir: DataDir = None) -> None:
    """Print the authority's file, fingerprint and domains, and which stores trust it.

    Example: gemtap ca show
    """
    from gemtap.interception.trusted import trusted_stores

    authority = _authority(folder := _folder(config, data_dir))
    trusted = trusted_stores(folder)
    print(f"Certificate:  {authority.files.certificate.absolute()}")
    print(f"Key:          {authority.files.key.absolute()}")
    print(f"SHA-256:      {authority.fingerprint}")
    print(f"Valid until:  {authority.certificate.not_valid_after_utc:%Y-%m-%d}")
    print(f"Only for:     {', '.join(authority.domains)}")
    print(f"Trusted by:   {', '.join(trusted) or 'nothing but the commands of `gemtap run`'}")


@ca_app.command()
def trust(only: Kinds = None, config: Config = None, data_dir: DataDir = None) -> None:
    """Trust the authority in the system's store, and in those of Firefox and Chromium. `untrust` undoes it.

    Example: gemtap ca trust --store browsers

    `gemtap run` does not need this: it sets up its command alone.
    """
    folder = _folder(config, data_dir)
    _trust(folder, _authority(folder), _stores(only))


@ca_app.command()
def untrust(config: Config = None, data_dir: DataDir = None) -> None:
    """Remove the authority from every store that trusts it.

    Example: gemtap ca untrust
    """
    from gemtap.interception.trusted import trusted_stores

    folder = _folder(config, data_dir)
    if not trusted_stores(folder):
        print("No store trusts it.")
    _untrust(folder)


@ca_app.command()
def rotate(config: Config = None, data_dir: DataDir = None) -> None:
    """Replace the authority by a new one, also in the stores that trust it.

    Example: gemtap ca rotate

    A running Gemtap uses the new one from the next connection on. Commands of `gemtap run` that run now have to be
    started again.
    """
    from gemtap.interception.authority import rotate as replaced
    from gemtap.interception.trust_stores import store_at
    from gemtap.interception.trusted import trusted_stores
    from gemtap.providers.hosts import provider_domains

    folder = _folder(config, data_dir)
    addresses = list(trusted_stores(folder))
    _untrust(folder)
    try:
        authority = replaced(folder, provider_domains())
    except OSError as exc:
        raise Failed(f"The authority cannot be written to {folder}: {exc.strerror}.") from exc
    print(f"The new authority is {authority.files.certificate.absolute()}.")
    if addresses:
        _trust(folder, authority, [store_at(address) for address in addresses])


def _folder(config: Path | None, data_dir: Path | None) -> Path:
    return settings_of({"data_dir": data_dir}, config).settings.interception_folder


def _authority(folder: Path) -> Authority:
    from gemtap.interception.authority import authority_in
    from gemtap.providers.hosts import provider_domains

    try:
        return authority_in(folder, provider_domains())
    except OSError as exc:
        raise Failed(f"The authority cannot be made in {folder}: {exc.strerror}. See --data-dir.") from exc


def _stores(only: list[Kind] | None) -> list[TrustStore]:
    from gemtap.interception.trust_stores import browser_stores, system_stores

    kinds = only or list(Kind)
    found = system_stores() if Kind.SYSTEM in kinds else []
    found += browser_stores(Path.home()) if Kind.BROWSERS in kinds else []
    if not found:
        raise Failed("No certificate store was found. Import the file of `gemtap ca show` by hand.")
    return found


def _trust(folder: Path, authority: Authority, stores: list[TrustStore]) -> None:
    from gemtap.interception.trust_stores import CannotChange
    from gemtap.interception.trusted import note_trusted, trusted_stores

    failed = []
    for store in stores:
        trusted = trusted_stores(folder)
        # Noted first: what was added must be found again, whatever happens in between.
        note_trusted(folder, {**trusted, store.address: authority.name})
        try:
            store.add(authority.files.certificate.absolute(), authority.name)
        except CannotChange as exc:
            note_trusted(folder, trusted)
            failed.append(f"{store.title}: {exc}")
        else:
            print(f"Trusted by {store.title}.")
    if failed:
        raise Failed("Not trusted by " + "\n  ".join(failed))


def _untrust(folder: Path) -> None:
    from gemtap.interception.trust_stores import CannotChange, store_at
    from gemtap.interception.trusted import note_trusted, trusted_stores

    failed = []
    for address, name in trusted_stores(folder).items():
        try:
            store = store_at(address)
            store.remove(name)
        except CannotChange as exc:
            failed.append(f"{address}: {exc}")
        else:
            note_trusted(folder, {each: at for each, at in trusted_stores(folder).items() if each != address})
            print(f"No longer trusted by {store.title}.")
    if failed:
        raise Failed("Still trusted by " + "\n  ".join(failed))
