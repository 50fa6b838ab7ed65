"""From a store's address to the store."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gemtap.addresses import mask
from gemtap.stores.base import Store
from gemtap.stores.sqlite import SqliteStore

_SQLITE: Final = "sqlite:///"
_MONGODB: Final = ("mongodb://", "mongodb+srv://")
_ALLOWED: Final = "A store is sqlite:///PATH or mongodb://HOST/DATABASE"


def open_store(url: str, *, prerelease: bool = False) -> Store:
    """The store at an address, not yet opened. With `prerelease`, an SQLite database from before the first release
    may be read.

    `sqlite:///PATH`, where an absolute path makes four slashes, or an address that PyMongo takes:
    https://www.mongodb.com/docs/manual/reference/connection-string/. Raises ValueError, with one line and without
    the password, for any other.
    """
    if url.startswith(_SQLITE):
        path = url.removeprefix(_SQLITE)
        if path in ("", ":memory:"):
            raise ValueError(f"{_ALLOWED}, and {url} names no file.")
        return SqliteStore(Path(path), prerelease=prerelease)
    if url.startswith(_MONGODB):
        return _mongo_store(url)
    raise ValueError(f"{_ALLOWED}, not {mask(url)}.")


def _mongo_store(url: str) -> Store:
    # PyMongo takes a fifth of a second to import: most commands have no use for it.
    from pymongo.errors import PyMongoError

    from gemtap.stores.mongo import MongoStore

    try:
        return MongoStore(url, mask(url))
    except (PyMongoError, ValueError, TypeError) as exc:
        # PyMongo's message repeats parts of the address, and what it takes for a host may be of a password.
        reason = "check its options, and percent-encode : / ? # [ ] @ in user and password"
        raise ValueError(f"{mask(url)} is not valid: {reason if '@' in url else exc}.") from None
