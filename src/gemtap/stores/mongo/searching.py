"""Searches for words: what documents hold for them, and the queries.

MongoDB's own text index gives what it finds in no order that a list could be read in: it fetches and sorts all that
matches. So each document has its words as an array, in an index that goes on with the time.
"""

from __future__ import annotations

from typing import Any, Final

from gemtap.stores.query.filter import Says
from gemtap.stores.query.words import words_of

FIELD: Final = "search"
"""`{"words": [each word once, sorted], "text": "all of them in order, with a space before and after each"}`."""

WORDS: Final = f"{FIELD}.words"

UNSEARCHABLE: Final[dict[str, Any]] = {WORDS: None}
"""The query for what has no words, or has a null among them; the index has it in the order of time."""

MADE_DUE: Final = {WORDS: None}
"""What is added to the set so that the words are told once more; until then those that are there hold."""

_TEXT: Final = f"{FIELD}.text"


def searched(text: str) -> dict[str, Any]:
    """What a document holds to be found by the words of a text."""
    words = words_of(text)
    return {"words": sorted(set(words)), "text": f" {' '.join(words)} "}


def says(test: Says) -> dict[str, Any]:
    """The query for texts in which these words stand in a row."""
    *whole, last = test.words
    if not test.begins:
        whole.append(last)
    clauses: list[dict[str, Any]] = [{WORDS: word} for word in dict.fromkeys(whole)]
    if test.begins:
        clauses.append({WORDS: {"$regex": f"^{last}"}})
    if len(test.words) > 1:
        # Words are letters and digits: none means anything in a regular expression.
        clauses.append({_TEXT: {"$regex": f" {' '.join(test.words)}{'' if test.begins else ' '}"}})
    return clauses[0] if len(clauses) == 1 else {"$and": clauses}


def says_not(said: list[dict[str, Any]]) -> dict[str, Any]:
    """The query for texts of which none of these queries holds: texts that are known."""
    return {"$nor": said, _TEXT: {"$ne": None}}
