"""The kinds of stores and their URLs: the only place that lists them.

Settings need this, and so the tap loads it: nothing here imports a store. `gemtap.stores.opening` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class StoreKind:
    """One kind of store."""

    form: str
    """What its URLs look like, for help texts and errors."""
    prefixes: tuple[str, ...]
    """Beginnings of its URLs."""
    package: str
    """The package with its code, which has functions `from_url` and `driver`, see `gemtap.stores.opening`."""
    is_file: bool = False
    """Whether the rest of a URL is the path of a local file."""


SQLITE: Final = StoreKind("sqlite:///PATH", ("sqlite:///",), "gemtap.stores.sqlite", is_file=True)
MONGODB: Final = StoreKind("mongodb://HOST/DATABASE", ("mongodb://", "mongodb+srv://"), "gemtap.stores.mongo")

KINDS: Final = (SQLITE, MONGODB)

FORMS: Final = " or ".join(kind.form for kind in KINDS)
"""What store URLs look like, for help texts and errors."""


def kind_of(url: str) -> StoreKind | None:
    """The kind of store that a URL names, or None."""
    return next((kind for kind in KINDS if url.startswith(kind.prefixes)), None)


def file_of(url: str) -> Path | None:
    """The file of a store that is one, or None."""
    kind = kind_of(url)
    if kind is None or not kind.is_file:
        return None
    return Path(url.removeprefix(next(prefix for prefix in kind.prefixes if url.startswith(prefix))))


def default_url(data_dir: Path) -> str:
    """The URL of the store that is used if none is set."""
    return f"{SQLITE.prefixes[0]}{data_dir.absolute() / 'gemtap.db'}"
