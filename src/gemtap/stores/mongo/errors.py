"""Translates PyMongo's errors into messages: what happened and what to do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from pymongo.errors import BulkWriteError, ConnectionFailure, DocumentTooLarge, OperationFailure, PyMongoError

from gemtap.stores.base import QueryTooSlow, RecordRejected, StoreError, StoreUnavailable

# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
DUPLICATE_KEY: Final = 11000
_UNAUTHORIZED: Final = 13
_MAX_TIME_EXPIRED: Final = 50
_AUTHENTICATION_FAILED: Final = frozenset({18, 8000})  # 8000 is Atlas's own
_DOCUMENT_AT_FAULT: Final = frozenset(
    {
        2,  # BadValue
        15,  # Overflow: nested too deeply
        22,  # InvalidBSON
        52,  # DollarPrefixedFieldName
        53,  # InvalidIdField
        55,  # InvalidDBRef
        56,  # EmptyFieldName
        57,  # DottedFieldName
        121,  # DocumentValidationFailure: somebody has put a validator on the collection
        10334,  # BSONObjectTooLarge
    }
)


@contextmanager
def translated(description: str) -> Iterator[None]:
    """Raise PyMongo's errors as StoreUnavailable or RecordRejected; `description` is the address without password."""
    try:
        yield
    except PyMongoError as exc:
        raise _translation(exc, description) from exc
    except RuntimeError as exc:
        # A wait for a server that is cancelled twice ends in an error of PyMongo's locks: "Lock is not acquired".
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from exc
        raise


def _translation(exc: PyMongoError, description: str) -> StoreError:
    match exc:
        case DocumentTooLarge():
            return RecordRejected(f"MongoDB takes no document of this size: {exc}")
        case BulkWriteError():
            return _of_answer(_worst(exc.details), description)
        case OperationFailure():
            return _of_answer({"code": exc.code, "errmsg": exc.details and exc.details.get("errmsg")}, description)
        case ConnectionFailure():
            return StoreUnavailable(
                f"{description} does not answer: {_cause(exc)}. Start MongoDB there, or check the store's address."
            )
        case _:
            return StoreUnavailable(f"{description} cannot be used: {_cause(exc)}. Check the store's address.")


def _worst(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """The decisive error of a batch: a failing server takes precedence over a faulty document."""
    errors: list[Mapping[str, Any]] = details["writeConcernErrors"] + details["writeErrors"]
    errors = [error for error in errors if error["code"] != DUPLICATE_KEY]
    return min(errors, key=lambda error: error["code"] in _DOCUMENT_AT_FAULT)


def _of_answer(answer: Mapping[str, Any], description: str) -> StoreError:
    code, reason = answer["code"], answer["errmsg"]
    if code == _MAX_TIME_EXPIRED:
        return QueryTooSlow()
    if code in _DOCUMENT_AT_FAULT:
        return RecordRejected(f"MongoDB refuses the document: {reason} (code {code}).")
    if code in _AUTHENTICATION_FAILED:
        return StoreUnavailable(
            f"{description}: authentication failed ({reason}). Check user, password and authSource in its address."
        )
    if code == _UNAUTHORIZED:
        return StoreUnavailable(f"{description}: not allowed ({reason}). Give the user the role readWrite.")
    return StoreUnavailable(f"{description} cannot do it now: {reason} (code {code}). See the log of MongoDB.")


def _cause(exc: PyMongoError) -> str:
    # What follows are PyMongo's timeouts and its view of all servers.
    text = str(exc).partition(" (configured timeouts")[0].partition(", Timeout:")[0].rstrip(".")
    return re.sub(r"\[Errno -?\d+\] ", "", text)
