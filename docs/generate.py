"""Writes docs/clients.md and docs/settings.md from the tables that the program itself uses: `make docs`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from gemtap.instructions import CLIENTS
from gemtap.settings import ENV_PREFIX, Settings, setting_names

_TAP: Final = "http://localhost:4360"


def clients_page() -> str:
    """How to point each client at the tap."""
    return "\n".join(_clients_lines())


def _clients_lines() -> Iterator[str]:
    yield from (
        "# Pointing a client at Gemtap",
        "",
        f"`gemtap setup` prints the same with the address that your Gemtap is on; here it is {_TAP}.",
        "",
    )
    for name, each in CLIENTS.items():
        instructions = each.for_tap(_TAP)
        yield f"## {instructions.title}"
        yield ""
        yield f"{instructions.where}:"
        yield ""
        yield "```"
        yield from instructions.lines
        yield "```"
        yield ""
        if instructions.note:
            yield f"{instructions.note}"
            yield ""
        yield f"`gemtap setup {name}`"
        yield ""


def settings_page() -> str:
    """Every setting, its default and its three names."""
    return "\n".join(_settings_lines())


def _settings_lines() -> Iterator[str]:
    yield from (
        "# Settings",
        "",
        "A setting may stand in `gemtap.toml` (or the file of `--config`), in an environment variable, or on the",
        "command line of `gemtap serve`; the later of these wins. Lists are comma-separated in variables. An unknown",
        "setting is an error wherever it stands. `gemtap doctor` shows what is in force, and where it came from.",
        "",
        "| in gemtap.toml | variable | default | what it does |",
        "|---|---|---|---|",
    )
    for name in setting_names():
        variable = ENV_PREFIX + name.replace(".", "__").upper()
        default, description = _field(name)
        yield f"| `{name}` | `{variable}` | {default} | {description} |"
    yield ""


def _field(name: str) -> tuple[str, str]:
    model: type[BaseModel] = Settings
    *groups, last = name.split(".")
    value: Any = Settings.model_validate({})
    descriptions = []
    for group in groups:
        descriptions.append(model.model_fields[group].description or "")
        value = getattr(value, group)
        model = type(value)
    default = getattr(value, last)
    shown = ", ".join(map(str, default)) if isinstance(default, tuple) else str(default)
    described = model.model_fields[last].description or next(filter(None, descriptions))
    return (f"`{shown}`" if default not in (None, "", ()) else ""), described


PAGES: Final[dict[str, Callable[[], str]]] = {"clients.md": clients_page, "settings.md": settings_page}

if __name__ == "__main__":
    for name, render in PAGES.items():
        (Path(__file__).parent / name).write_text(render(), "utf-8")
