"""The client for a MongoDB address."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl

from pymongo import AsyncMongoClient

DEFAULT_DATABASE: Final = "gemtap"

_DEFAULTS: Final[dict[str, Any]] = {
    "appname": "gemtap",
    "serverSelectionTimeoutMS": 3_000,
    "connectTimeoutMS": 3_000,
    # Without a timeout, PyMongo waits for a vanished server until the keep-alive of the system ends the connection.
    "socketTimeoutMS": 60_000,
    # A capture is deleted once its record is stored: by then it must be on disks that outlive one server.
    "w": "majority",
    "journal": True,
}


def client_for(url: str) -> AsyncMongoClient[dict[str, Any]]:
    """A client that connects when it is first used. Options in the address override our defaults.

    Raises PyMongoError, ValueError or TypeError if the address is invalid.
    """
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(url, **_defaults_for(url))
    if not client.write_concern.acknowledged:
        raise ValueError("with w=0 nobody would know whether a record was stored")
    return client


def _defaults_for(url: str) -> dict[str, Any]:
    # In PyMongo, keyword arguments override the address.
    _, _, options = url.partition("?")
    given = {name.lower() for name, _ in parse_qsl(options, keep_blank_values=True)}
    return {name: value for name, value in _DEFAULTS.items() if name.lower() not in given}
