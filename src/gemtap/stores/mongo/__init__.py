"""The MongoDB store: documents whole and queryable, many taps to one database."""

from __future__ import annotations

from importlib.metadata import version

from pymongo.errors import PyMongoError

from gemtap.addresses import mask
from gemtap.stores.mongo.store import MongoStore

__all__ = ["MongoStore", "driver", "from_url"]


def from_url(url: str, *, prerelease: bool) -> MongoStore:
    """See `gemtap.stores.opening.StorePackage`. `prerelease` changes nothing."""
    try:
        return MongoStore(url, mask(url))
    except (PyMongoError, ValueError, TypeError) as exc:
        # PyMongo's message repeats parts of the URL, and may take a part of the password for a host.
        reason = "check its options, and percent-encode : / ? # [ ] @ in user and password"
        raise ValueError(f"{mask(url)} is not valid: {reason if '@' in url else exc}.") from None


def driver() -> tuple[str, str]:
    """See `gemtap.stores.opening.StorePackage`."""
    return "PyMongo", version("pymongo")
