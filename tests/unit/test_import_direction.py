"""What imports what: a layer only what stands to its right, and the tap next to nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pytest

import gemtap
from gemtap.providers.registry import ORIGINS, PROVIDERS

SOURCE: Final = Path(gemtap.__file__).parent

LAYERS: Final = (
    {"__main__"},
    {"cli"},
    {"supervisor", "desk"},
    {"upkeep", "importers", "replay"},
    {"tap", "dashboard", "recorder", "demo", "testing"},
    {"api_schema", "exporters"},
    {"stores", "capture"},
    {"serving", "endings"},
    {"settings_loading"},
    {"settings"},
    {"settings_providers", "settings_kinds"},
    {"access", "limits"},
    {"providers"},
    {"dialects"},
    {"conversation"},
    {"body", "json_access", "incident", "interception", "simulation"},
    {"list_file"},
    {"interaction", "encodings", "tls", "control_chars", "origin_check", "data_dir_lock", "environment_proxy"},
    {"addresses", "re2_patterns", "known_secrets", "units", "durable_files", "rate_budget", "workers", "low_priority"},
    {"store_kinds", "settings_error", "reuse", "latest_bodies", "faults"},
    {"__init__"},
)
"""From left to right. Parts of one layer do not import each other."""

EXCEPTIONS: Final = {("dashboard", "gemtap.recorder.progress.Progress")}
"""The dashboard shows how recording goes, and has to know what that looks like."""

KEPT_FROM_THE_TAP: Final = (
    *("recorder", "stores", "dashboard", "exporters", "demo", "cli", "supervisor", "desk"),
    *("upkeep", "importers", "replay"),
)


class Import(NamedTuple):
    """One name that a file imports from this package."""

    file: str
    part: str
    """The folder or module at the top of the package that the file belongs to."""
    name: str
    """With every dot: `gemtap.stores.base.Store`."""

    @property
    def imported_part(self) -> str:
        """The part that the name belongs to; `__init__` for what stands in the package itself."""
        second = self.name.split(".")[1] if "." in self.name else ""
        return second if (SOURCE / second).is_dir() or (SOURCE / f"{second}.py").exists() else "__init__"


def names_in(source: str) -> Iterator[str]:
    """What a source imports from this package, inside of functions and for type checkers too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole path"
            if node.module is not None and node.module.split(".")[0] == "gemtap":
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "gemtap")


@cache
def imports() -> list[Import]:
    """Every import of this package in this package."""
    return [
        Import(str(path.relative_to(SOURCE)), path.relative_to(SOURCE).parts[0].removesuffix(".py"), name)
        for path in sorted(SOURCE.rglob("*.py"))
        for name in names_in(path.read_text("utf-8"))
    ]


def layer_of(part: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if part in layer)


def test_names_are_found_wherever_they_are_imported() -> None:
    """Else nothing below would mean anything."""
    source = (
        "import gemtap.tap.app\nfrom gemtap import body\nimport gemtapper\n"
        "def late():\n    from gemtap.stores.base import Store, Record\n"
    )
    assert set(names_in(source)) == {
        "gemtap.tap.app",
        "gemtap.body",
        "gemtap.stores.base.Store",
        "gemtap.stores.base.Record",
    }
    assert Import("x.py", "x", "gemtap.body").imported_part == "body"
    assert Import("x.py", "x", "gemtap.stores.base.Store").imported_part == "stores"
    assert Import("x.py", "x", "gemtap.__version__").imported_part == "__init__"


def test_every_part_has_its_place() -> None:
    """Every module belongs to a layer."""
    parts = {path.relative_to(SOURCE).parts[0].removesuffix(".py") for path in SOURCE.rglob("*.py")}
    assert parts <= set().union(*LAYERS), "which layer does it belong to?"


def test_a_layer_imports_only_what_stands_to_its_right() -> None:
    """A layer imports only layers to its right."""
    wrong = [
        f"{each.file} imports {each.name}"
        for each in imports()
        if each.imported_part != each.part
        and layer_of(each.imported_part) <= layer_of(each.part)
        and (each.part, each.name) not in EXCEPTIONS
    ]
    assert wrong == []


def test_every_exception_is_needed() -> None:
    """Every exception is used."""
    assert {(each.part, each.name) for each in imports()} >= EXCEPTIONS


OPEN_TO_THE_TAP: Final = tuple(
    f"gemtap.providers.{name}" for name in ("routing", "wire", "hosts", "secrets", "declared_secrets", "credential")
)
"""Parts of the providers without a parser and without I/O."""


def test_the_tap_takes_from_the_providers_only_what_is_open_to_it() -> None:
    """The tap imports routing, wire faces and what is secret, and nothing else of the providers."""
    taken = {each.name for each in imports() if each.part == "tap" and each.imported_part == "providers"}
    assert taken
    assert {name for name in taken if not name.startswith(OPEN_TO_THE_TAP)} == set()


PROVIDER_FOLDERS: Final = frozenset(name for name, origin in ORIGINS.items() if origin.package == "gemtap")


def test_no_provider_is_imported_outside_its_folder() -> None:
    """The registry finds them by themselves."""
    assert {"gemini", "vertex", "code_assist"} <= PROVIDER_FOLDERS
    wrong = [
        f"{each.file} imports {each.name}"
        for each in imports()
        for folder in PROVIDER_FOLDERS
        if f"{each.name}.".startswith(f"gemtap.providers.{folder}.")
        # A provider may build on another one, as Azure does on OpenAI.
        and not each.file.startswith(tuple(f"providers/{own}/" for own in PROVIDER_FOLDERS))
    ]
    assert wrong == []


def test_no_provider_is_named_outside_its_folder() -> None:
    """No other file compares or looks up the name of a provider, or knows one of its hosts."""
    hosts = [host for each in PROVIDERS.values() for host in each.wire.hosts]
    own = (*PROVIDER_FOLDERS, "google", "claude")
    wrong = [
        f"{path.relative_to(SOURCE)} says {text!r}"
        for path in sorted(SOURCE.rglob("*.py"))
        if not str(path.relative_to(SOURCE)).startswith(tuple(f"providers/{folder}/" for folder in own))
        for text in texts_in(path.read_text("utf-8"))
        if text in PROVIDER_FOLDERS or any(host.fullmatch(text) for host in hosts)
    ]
    assert wrong == [
        # An export format of Vertex AI, which accepts no files of the Gemini API.
        "exporters/gemini_tuning.py says 'generativelanguage.googleapis.com'",
        # What a program calls itself, whichever API it calls.
        "providers/clients.py says 'antigravity'",
        "providers/clients.py says 'openai'",
        "providers/clients.py says 'anthropic'",
        # The dialect of most well-known APIs, as data.
        "providers/presets.py says 'openai'",
    ]


def texts_in(source: str) -> Iterator[str]:
    """The literal texts of a source."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_the_stores_import_no_provider() -> None:
    """What a store keeps depends on no API: it takes only cut points, from the dialects."""
    taken = {
        each.name for each in imports() if each.part == "stores" and each.imported_part in ("providers", "dialects")
    }
    assert taken == {"gemtap.dialects.cut_points.SMALLEST", "gemtap.dialects.cut_points.cut_points"}


def test_the_tap_names_nothing_of_what_must_not_touch_the_traffic() -> None:
    """The tap imports no parser, store or dashboard."""
    wrong = [each for each in imports() if each.part == "tap" and each.imported_part in KEPT_FROM_THE_TAP]
    assert wrong == []


def test_a_tap_process_has_none_of_it_loaded_either() -> None:
    """By whatever way round: no parser, no store, no database driver."""
    shown = subprocess.run(
        [sys.executable, "-c", "import sys, gemtap.tap.entry; print(*sys.modules, sep='\\n')"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.split()
    own = {name for name in shown if name.startswith("gemtap.")}
    assert "gemtap.tap.forward" in own
    assert {name for name in own if name.split(".")[1] in KEPT_FROM_THE_TAP} == set()
    assert {name for name in own if name.startswith(("gemtap.dialects", "gemtap.conversation", "gemtap.json"))} == set()
    faces = {name for name in own if name.startswith("gemtap.providers.")}
    folders = {name for name in faces if name.split(".")[2] in PROVIDER_FOLDERS}
    light = {f"gemtap.providers.{name}{face}" for name in PROVIDER_FOLDERS for face in ("", ".wire", ".secrets")}
    assert folders <= light
    assert folders >= {f"gemtap.providers.{name}.wire" for name in PROVIDER_FOLDERS}
    assert {name for name in faces if name.endswith((".reader", ".documents", ".prices", ".clients", ".demo"))} == set()
    assert {name for name in own if name.startswith("gemtap.simulation")} == set()
    assert not {"sqlite3", "pymongo", "jinja2", "h2", "hpack"} & set(shown)


READING_COMMAND: Final = """
import asyncio, sys
from gemtap.cli.app import app, register
from gemtap.stores.opening import open_store

command, folder = sys.argv[1:]

async def create():
    store = open_store(f"sqlite:///{folder}/gemtap.db")
    await store.open()
    await store.close()

asyncio.run(create())
register()
app([command, "--data-dir", folder], standalone_mode=False)
print(*sys.modules, sep="\\n")
"""


@pytest.mark.parametrize("command", ["ls", "threads", "stats"])
def test_reading_commands_load_no_web_framework(command: str, tmp_path: Path) -> None:
    """A command that reads the store starts without FastAPI, which would take a third of its time."""
    shown = subprocess.run(
        [sys.executable, "-c", READING_COMMAND, command, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(shown.stdout.split())
    assert "gemtap.api_schema" in loaded
    assert not {"fastapi", "starlette", "uvicorn", "aiohttp"} & loaded
