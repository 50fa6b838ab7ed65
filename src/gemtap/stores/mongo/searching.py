"""Full-text search: the fields of documents for it, and the queries.

MongoDB's own text index has no order of time: a list would fetch and sort all matches. So each document has its words
as an array, in an index that continues with the time.
"""

from __future__ import annotations

from typing import Any, Final

from gemtap.stores.query.filter import Says
from gemtap.stores.query.words import words_of

FIELD: Final = "search"
"""`{"words": [each word once, sorted], "text": "all of them in order, with a space before and after each"}`."""

WORDS: Final = f"{FIELD}.words"

UNSEARCHABLE: Final[dict[str, Any]] = {WORDS: None}
"""The query for documents without words, or with a null among them. An index has them in the order of time."""

MADE_DUE: Final = {WORDS: None}
"""The update that makes a document due for indexing. Until then its present words count."""

_TEXT: Final = f"{FIELD}.text"


def searched(text: str) -> dict[str, Any]:
    """The field of a document with the words of a text."""
    words = words_of(text)
    return {"words": sorted(set(words)), "text": f" {' '.join(words)} "}


def says(test: Says) -> dict[str, Any]:
    """The query for texts with this phrase."""
    *whole, last = test.words
    if not test.begins:
        whole.append(last)
    clauses: list[dict[str, Any]] = [{WORDS: word} for word in dict.fromkeys(whole)]
    if test.begins:
        clauses.append({WORDS: {"$regex": f"^{last}"}})
    if len(test.words) > 1:
        # Words are letters and digits, without special characters of regular expressions.
        clauses.append({_TEXT: {"$regex": f" {' '.join(test.words)}{'' if test.begins else ' '}"}})
    return clauses[0] if len(clauses) == 1 else {"$and": clauses}


def says_not(said: list[dict[str, Any]]) -> dict[str, Any]:
    """The query for indexed texts that match none of these queries."""
    return {"$nor": said, _TEXT: {"$ne": None}}
