"""`gemtap keys`: who may use this Gemtap."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from rich.table import Table

from gemtap import units
from gemtap.access import keys as access_keys
from gemtap.access.key_file import KeyFile
from gemtap.access.keys import BadChange, KeyList
from gemtap.cli.app import AsJson, Config, DataDir, Failed, StoreUrl, app, settings_of
from gemtap.cli.completion import one_of
from gemtap.cli.lists import with_lists
from gemtap.cli.printing import console, harmless, local_time, print_json, time_zone
from gemtap.settings import Settings, SettingsError

keys_app = typer.Typer(no_args_is_help=True)
app.add_typer(keys_app, name="keys")

T = TypeVar("T")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user: `client.user` of what is sent with the key.")]
Expires = Annotated[str | None, typer.Option(metavar="AGE", help="Refuse the key after this time, such as 90d.")]


@keys_app.callback()
def keys() -> None:
    """Manage access keys, which say who may use this Gemtap: docs/access.md.

    Example: gemtap keys add ana
    """


@keys_app.command()
def add(
    name: Name,
    role: Annotated[
        str,
        typer.Option(metavar="member|admin", help="Admins see everything.", autocompletion=one_of(access_keys.ROLES)),
    ] = "member",
    expires: Expires = None,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Make an access key and print it. It is not shown again. The first one switches access control on.

    Example: gemtap keys add ana --expires 90d
    """
    settings = settings_of({"data_dir": data_dir, "store": store}, config).settings
    now = datetime.now(UTC)
    end = _end(expires, now)

    def change(before: KeyList) -> tuple[KeyList, tuple[str, bool]]:
        after, made = access_keys.add(before, name, role, end, now)
        return after, (made, not before.is_on)

    made, is_first = _change(settings, change, f"made for {name} ({role})")
    print(made)
    if is_first:
        typer.echo("Access control is on from now on: requests and visitors without a key are refused.", err=True)


@keys_app.command()
def rotate(
    name: Name,
    expires: Expires = None,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Replace a user's access key and print the new one. The old one is refused from now on.

    Example: gemtap keys rotate ana
    """
    settings = settings_of({"data_dir": data_dir, "store": store}, config).settings
    now = datetime.now(UTC)
    end = _end(expires, now)
    print(_change(settings, lambda before: access_keys.rotate(before, name, end, now), f"of {name} rotated"))


@keys_app.command()
def revoke(name: Name, config: Config = None, data_dir: DataDir = None, store: StoreUrl = None) -> None:
    """Refuse a user's access key from now on. After the last one is revoked, nobody has access: see `gemtap keys off`.

    Example: gemtap keys revoke ana
    """
    settings = settings_of({"data_dir": data_dir, "store": store}, config).settings
    _change(settings, lambda before: (access_keys.revoke(before, name), None), f"of {name} revoked")


@keys_app.command()
def off(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Revoke all access keys and switch access control off: everybody who can reach the ports has access.

    Example: gemtap keys off
    """
    settings = settings_of({"data_dir": data_dir, "store": store}, config).settings
    if not yes:
        typer.confirm("Revoke all access keys, and give everybody access who can reach the ports?", abort=True)
    _change(settings, lambda before: (KeyList(), None), "control switched off: all keys are revoked")


@keys_app.command("ls")
def list_keys(as_json: AsJson = False, config: Config = None, data_dir: DataDir = None, store: StoreUrl = None) -> None:
    """List the users that have an access key. The keys themselves are not stored.

    Example: gemtap keys ls
    """
    settings = settings_of({"data_dir": data_dir, "store": store}, config).settings
    found = with_lists(settings, lambda lists: lists.read(KeyFile(settings.data_dir)))
    rows = found.shown(datetime.now(UTC))
    if as_json:
        print_json({"access_control": found.is_on, "keys": rows})
    elif not rows:
        console().print(
            "All access keys are revoked: nobody has access. `gemtap keys add NAME` makes one."
            if found.is_on
            else "There are no access keys: everybody who can reach the ports has access. `gemtap keys add` makes one."
        )
    else:
        table = Table(box=None, pad_edge=False)
        for title in ("user", "role", f"created ({time_zone()})", "expires"):
            table.add_column(title)
        for row in rows:
            end = "never" if row["expires"] is None else local_time(row["expires"])
            end = f"expired {end}" if row["expired"] else end
            table.add_row(*map(harmless, (row["name"], row["role"], local_time(row["created"]), end)))
        console().print(table)


def _end(expires: str | None, now: datetime) -> datetime | None:
    if expires is None:
        return None
    try:
        return now + units.parse_age(expires)
    except (ValueError, OverflowError) as exc:
        raise SettingsError(f"Bad flag --expires: {exc}.") from exc


def _change(settings: Settings, change: Callable[[KeyList], tuple[KeyList, T]], what: str) -> T:
    """Change the keys, and note it among the events."""
    from gemtap.incident import IncidentKind

    message, file = f"Access key {what} on the command line.", KeyFile(settings.data_dir)
    try:
        return with_lists(settings, lambda lists: lists.change(file, change, IncidentKind.ACCESS_CHANGED, message))
    except BadChange as exc:
        raise Failed(str(exc)) from exc
