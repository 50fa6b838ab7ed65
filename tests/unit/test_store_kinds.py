"""URLs of stores: what they name, and that one module lists the kinds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import gemtap
from gemtap.store_kinds import KINDS, default_url, file_of, kind_of

SOURCE = Path(gemtap.__file__).parent


def test_a_url_names_a_kind_of_store_and_a_file_if_the_store_is_one() -> None:
    """Only URLs of SQLite name a file; other URLs name no store."""
    assert file_of("sqlite:///a/b.db") == Path("a/b.db")
    assert file_of("sqlite:////a/b.db") == Path("/a/b.db")
    assert file_of("mongodb://host/name") is None
    assert file_of("postgresql://host/name") is None
    assert kind_of("postgresql://host/name") is None
    assert kind_of("mongodb+srv://host/name") is kind_of("mongodb://host/name") is not None


def test_the_default_store_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    """Without a setting, Gemtap uses gemtap.db in its data folder."""
    assert file_of(default_url(tmp_path)) == tmp_path / "gemtap.db"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.package)
def test_every_kind_has_a_package_that_opens_it(kind) -> None:  # type: ignore[no-untyped-def]
    """`from_url` and `driver` exist for every kind of store."""
    package = import_module(kind.package)
    name, version = package.driver()
    assert name
    assert version
    with pytest.raises(ValueError, match=r"sqlite|mongodb"):
        package.from_url(kind.prefixes[0], prerelease=False)


def texts_of(path: Path) -> Iterator[str]:
    """The string constants of a module, without docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_no_other_module_lists_the_kinds_of_stores() -> None:
    """Outside a store's own package, only `store_kinds` has prefixes of store URLs."""
    prefixes = tuple(prefix for kind in KINDS for prefix in kind.prefixes)
    packages = tuple(f"{kind.package.removeprefix('gemtap.').replace('.', '/')}/" for kind in KINDS)
    found = {
        name
        for path in SOURCE.rglob("*.py")
        if not (name := str(path.relative_to(SOURCE))).startswith(packages)
        for text in texts_of(path)
        if any(prefix in text for prefix in prefixes)
    }
    assert found == {"store_kinds.py"}
