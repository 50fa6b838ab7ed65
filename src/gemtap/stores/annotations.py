"""Annotations: the tags, ratings and notes that people may add to an interaction."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

RATINGS: Final = ("good", "bad")

MAX_TAGS: Final = 50
MAX_TAG: Final = 64
"""Maximum number of characters of a tag."""

MAX_NOTE: Final = 10_000
"""Maximum number of characters of a note."""


class BadAnnotation(ValueError):
    """An invalid tag, rating or note. The message says why."""


def checked(tags: Sequence[str] | None = None, rating: str | None = None, note: str | None = None) -> Mapping[str, Any]:
    """The fields of the document to set for the values that are not None. Raises BadAnnotation.

    A tag has words with spaces between them, without commas, since those separate tags in lists. Spaces around it and
    duplicate tags are removed. An empty rating or note becomes None.
    """
    fields: dict[str, Any] = {}
    if tags is not None:
        fields["tags"] = list(dict.fromkeys(_tag(tag) for tag in tags))
        if len(fields["tags"]) > MAX_TAGS:
            raise BadAnnotation(f"An interaction takes up to {MAX_TAGS} tags, not {len(fields['tags'])}.")
    if rating is not None:
        if rating not in ("", *RATINGS):
            raise BadAnnotation(f"A rating is {' or '.join(RATINGS)}, or empty to take it away, not {rating[:50]!r}.")
        fields["rating"] = rating or None
    if note is not None:
        fields["note"] = _note(note)
    return fields


def _tag(tag: str) -> str:
    word = _text(tag, "tag").strip()
    if not word:
        raise BadAnnotation("A tag cannot be empty.")
    if len(word) > MAX_TAG:
        raise BadAnnotation(f"A tag has up to {MAX_TAG} characters, not {len(word)}: {word[:20]}…")
    if "," in word or any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in word):
        raise BadAnnotation(f"A tag has no commas, line breaks or control characters: {word!r}.")
    return word


def _note(note: str) -> str | None:
    if len(note) > MAX_NOTE:
        raise BadAnnotation(f"A note has up to {MAX_NOTE:,} characters, not {len(note):,}.")
    return _text(note, "note").strip() or None


def _text(text: str, name: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise BadAnnotation(f"The {name} is not text that can be kept: it has half of a character.") from None
    return unicodedata.normalize("NFC", text)
