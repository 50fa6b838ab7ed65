"""Reads settings: defaults < gemtap.toml < GEMTAP_* < flags.

Only this module and the CLI read the environment; everything else is given what it needs.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from gemtap.access.keys import VARIABLE as ACCESS_KEY_VARIABLE
from gemtap.faults import meant, sentence_of
from gemtap.settings import ENV_PREFIX, Settings, setting_names
from gemtap.settings_error import SettingsError
from gemtap.settings_providers import is_known, is_table, missing

_CONFIG_VARIABLE: Final = "GEMTAP_CONFIG"
_NO_SETTINGS: Final = (_CONFIG_VARIABLE, ACCESS_KEY_VARIABLE)
_TEST_PREFIX: Final = "GEMTAP_TEST_"
"""Variables that are no settings: those of options of commands, and those that the test suite reads."""

_INSECURE: Final = "insecure"
INSTEAD_OF_INSECURE: Final = (
    "To listen beyond this machine, Gemtap needs an access key (gemtap keys add NAME --role admin) and TLS "
    "(--tls auto, --tls-cert, or --behind-tls if a reverse proxy terminates it). In a container whose ports are "
    "published on loopback only, set published_on = 127.0.0.1. See docs/access.md."
)
"""What to do without the setting `insecure` of earlier versions."""


class Loaded:
    """The settings in force, and where each came from."""

    def __init__(self, settings: Settings, origins: Mapping[str, str]) -> None:
        self.settings = settings
        self.origins = origins
        """Dotted name to `flag --port`, `GEMTAP_PORT` or `FILE`; what is missing is a default."""


def load(flags: Mapping[str, Any] | None = None, *, config: Path | None = None) -> Loaded:
    """Read the settings. `flags` holds what was given on the command line, nested as the settings are.

    Raises SettingsError, in one line that names the setting and the file, variable or flag it came from.
    """
    known = frozenset(setting_names())
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for values, origin in _sources(flags or {}, config):
        for name, value in _leaves(values):
            if name not in known and not is_known(name):
                raise SettingsError(_unknown(name, origin(name)))
            _set(merged, name, value)
            origins[name] = origin(name)
    try:
        return Loaded(Settings(**merged), origins)
    except ValidationError as exc:
        raise SettingsError(_one_line(exc, origins)) from None


def load_only(values: Mapping[str, Any], where: str) -> Loaded:
    """Settings of nothing but these values, nested as the settings are. Raises SettingsError, which says `where`."""
    origins = {name: f"{name} ({where})" for name, _ in _leaves(values)}
    try:
        return Loaded(Settings(**values), origins)
    except ValidationError as exc:
        raise SettingsError(_one_line(exc, origins)) from None


def _sources(flags: Mapping[str, Any], config: Path | None) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """Each source's values, weakest first, and how it calls a setting."""
    path = config or Path("gemtap.toml")
    if config is not None or path.exists():
        yield _read_toml(path), lambda name: f"{name} in {path}"
    yield _read_environment(), _variable
    yield flags, _flag


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise SettingsError(f"Cannot read the settings file {path}: {exc.strerror}.") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsError(f"The settings file {path} is not valid TOML: {exc}.") from exc


def _read_environment() -> dict[str, Any]:
    known = {_variable(name) for name in setting_names()}
    for variable in os.environ:
        name = variable.upper()
        if not name.startswith(ENV_PREFIX) or name in _NO_SETTINGS or name.startswith(_TEST_PREFIX):
            continue
        if _name(name) == _INSECURE:
            raise SettingsError(f"{variable} no longer exists. {INSTEAD_OF_INSECURE}")
        if name not in known and not is_known(_name(name)):
            # The prefix, which all have, makes them all alike.
            bare = [each.removeprefix(ENV_PREFIX) for each in known]
            nearest = meant(name.removeprefix(ENV_PREFIX), bare).replace(" mean ", f" mean {ENV_PREFIX}")
            raise SettingsError(f"Unknown setting {variable}.{nearest} Known settings: {', '.join(sorted(known))}.")
    return EnvSettingsSource(Settings)()


def _variable(name: str) -> str:
    return ENV_PREFIX + name.replace(".", "__").upper()


def _name(variable: str) -> str:
    return variable.removeprefix(ENV_PREFIX).lower().replace("__", ".")


def _flag(name: str) -> str:
    # The one flag of a nested setting: --upstream PROVIDER=URL is providers.PROVIDER.upstream.
    return f"flag --upstream {name.split('.')[1]}=" if "." in name else f"flag --{name.replace('_', '-')}"


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted name and the value of each setting; of a table that is no group of settings its own name."""
    for key, value in values.items():
        name = prefix + key
        if isinstance(value, Mapping) and (
            (is_table(name) and value) or any(each.startswith(f"{name}.") for each in setting_names())
        ):
            yield from _leaves(value, f"{name}.")
        elif value is not None:
            yield name, value


def _set(values: dict[str, Any], name: str, value: Any) -> None:
    *path, last = name.split(".")
    for key in path:
        values = values.setdefault(key, {})
    values[last] = value


def _unknown(name: str, origin: str) -> str:
    group = name.partition(".")[0] + "."
    fitting = [each for each in setting_names() if each.startswith(group)] or list(setting_names())
    if name == _INSECURE:
        return f"{origin} no longer exists. {INSTEAD_OF_INSECURE}"
    # Names with dots are alike by their groups, whatever they end in.
    nearest = "" if "." in name else meant(name, fitting)
    return f"Unknown setting {origin}.{nearest} Known settings: {', '.join(fitting)}."


def _origin_below(group: str, origins: Mapping[str, str]) -> str:
    """Where some setting of a group came from; the group's name if none is known."""
    return next((origin for name, origin in origins.items() if name.startswith(f"{group}.")), group)


def _bad(origin: str) -> str:
    return f"Bad {origin}" if origin.startswith("flag ") else f"Bad setting {origin}"


def _one_line(exc: ValidationError, origins: Mapping[str, str]) -> str:
    error: dict[str, Any] = {**exc.errors(include_url=False)[0]}
    if error["type"] != "literal_error":
        # It may have a password in it.
        del error["input"]
    # The name of a list stands for its items.
    place = ".".join(part for part in error["loc"] if isinstance(part, str))
    if error["type"] == "missing" and is_known(place):
        _, name, field = place.split(".")
        return f"{_bad(_origin_below(f'providers.{name}', origins))}: {missing(name, field)}"
    names: Sequence[str] = error["ctx"]["settings"] if error["type"] == "conflict" else (place,)
    origin = next((origins[name] for name in names if name in origins), None) or _origin_below(names[0], origins)
    return f"{_bad(origin)}: {sentence_of(error)}"
