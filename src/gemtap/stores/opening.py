"""Opens the store that a URL names. `gemtap.store_kinds` lists the kinds of stores."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from gemtap.addresses import mask
from gemtap.store_kinds import FORMS, kind_of
from gemtap.stores.base import Store


class StorePackage(Protocol):
    """What the package of a kind of store has."""

    def from_url(self, url: str, *, prerelease: bool) -> Store:
        """The store at the URL, not opened yet. Raises ValueError, with one line and without the password."""
        ...

    def driver(self) -> tuple[str, str]:
        """Name and version of the library that the store uses."""
        ...


def open_store(url: str, *, prerelease: bool = False) -> Store:
    """The store at a URL, not opened yet. Raises ValueError, with one line and without the password.

    `sqlite:///PATH` has four slashes if the path is absolute. PyMongo defines the others:
    https://www.mongodb.com/docs/manual/reference/connection-string/. If `prerelease`, an SQLite database from before
    the first release may be read.
    """
    return _package_of(url).from_url(url, prerelease=prerelease)


def driver_of(url: str) -> tuple[str, str]:
    """Name and version of the library that the store at this URL uses. Raises ValueError for an invalid URL."""
    return _package_of(url).driver()


def _package_of(url: str) -> StorePackage:
    kind = kind_of(url)
    if kind is None:
        raise ValueError(f"A store is {FORMS}, not {mask(url)}.")
    # Imported late: PyMongo takes a fifth of a second, and most commands do not use it.
    return cast(StorePackage, import_module(kind.package))
