"""What the package imports is what it declares: a package that only tests or extras bring is missing for its users."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

import pytest

PROJECT: Final = Path(__file__).parents[2]
SOURCE: Final = PROJECT / "src" / "gemtap"

EXTRAS: Final = {
    "demo": ("demo/*", "providers/*/agents.py"),
    "oidc": ("dashboard/openid*.py",),
    "parquet": ("exporters/parquet.py",),
    "scrub": ("exporters/scrub.py",),
}
"""Where the packages of each extra are imported."""

PART_OF: Final = {
    "hyperframe": "h2",
    "joserfc": "authlib",
    "markupsafe": "jinja2",
    "pydantic_core": "pydantic",
    "starlette": "fastapi",
    "tldextract": "presidio-analyzer",
}
"""Packages whose objects a declared one gives and takes: it cannot do without them."""

FOREIGN: Final = "importers/mitmproxy_script.py"
"""It runs in mitmproxy's own environment."""


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names_of(requirements: list[str]) -> set[str]:
    return {plain(re.split(r"[\s\[<>=!~;]", each, maxsplit=1)[0]) for each in requirements}


def imported_by(path: Path) -> Iterator[str]:
    """The top-level packages that a module imports, its own and the standard library's left out."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import():
                names = [each.name for each in node.names]
            case ast.ImportFrom(module=str(module), level=0):
                names = [module]
            case _:
                continue
        for name in names:
            top = name.partition(".")[0]
            if top != "gemtap" and top not in sys.stdlib_module_names:
                yield top


@pytest.fixture(scope="module")
def declared() -> dict[str, set[str]]:
    """Distributions by extra; those of every installation under an empty name."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    return {"": names_of(project["dependencies"])} | {
        extra: names_of(requirements) for extra, requirements in project["optional-dependencies"].items()
    }


def test_every_imported_package_is_declared(declared: dict[str, set[str]]) -> None:
    """Each module imports packages of every installation, or of the extra that its file belongs to."""
    distributions = packages_distributions()
    wrong = []
    for path in SOURCE.rglob("*.py"):
        file = path.relative_to(SOURCE)
        if str(file) == FOREIGN:
            continue
        allowed = set(declared[""])
        for extra, patterns in EXTRAS.items():
            if any(file.match(pattern) for pattern in patterns):
                allowed |= declared[extra]
        for package in set(imported_by(path)):
            owners = [PART_OF[package]] if package in PART_OF else distributions.get(package, [package])
            if not {plain(each) for each in owners} & allowed:
                wrong.append(f"{file} imports {package}")
    assert wrong == []
