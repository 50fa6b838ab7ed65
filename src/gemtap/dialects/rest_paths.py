"""What paths of REST APIs have in common."""

from __future__ import annotations

import re
from typing import Final

ON_COLLECTION: Final = {"GET": "list", "POST": "create"}
"""Verbs by method, where the path ends with a collection."""

ON_ITEM: Final = {"GET": "get", "PATCH": "update", "PUT": "update", "DELETE": "delete"}
"""Verbs by method, where the path ends with the name of one thing."""

ON_ITEM_WITH_POST: Final = {**ON_ITEM, "POST": "update"}
"""The same for APIs where a POST to one thing changes it."""

_FILE: Final = re.compile(r"^/+download/|:download$|/files/[^/]+/content$")


def answers_with_file(method: str, path: str, query: str) -> bool:
    """Whether a good answer is a file that somebody has uploaded or a model has made: it may be JSON of any shape."""
    return method.upper() == "GET" and (_FILE.search(path) is not None or "alt=media" in query.split("&"))


WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
"""What a part of an operation's name looks like."""
