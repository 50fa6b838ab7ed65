"""Calls of tools whose names and arguments come in pieces, and texts that do."""

from __future__ import annotations

import re
from typing import Final

from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_text, overlay


class PartialCall:
    """One call of a tool under construction: its arguments come in pieces of JSON text."""

    def __init__(self, name: str | None = None) -> None:
        """`name`: the function's, until a fragment has another."""
        self.id: str | None = None
        self._fields: dict[str, Json] = {}
        self._function: dict[str, Json] = {} if name is None else {"name": name}
        self._texts = Texts(("arguments",))
        self._arguments = _Nesting()
        self._custom: dict[str, Json] = {}
        self._input = Texts(("input",))

    @property
    def name(self) -> str | None:
        """The function's, as far as it has come."""
        return as_text(self._function.get("name"))

    def is_over(self, fragment: dict[str, Json]) -> bool:
        """Whether a fragment under the same index, without an id, belongs to another call.

        It names another function, or it brings an object after this call's arguments, which are one already.
        """
        function = as_dict(fragment.get("function"))
        name, arguments = as_text(function.get("name")), as_text(function.get("arguments")) or ""
        if name is not None and self.name not in (None, name):
            return True
        return arguments.lstrip().startswith("{") and self._arguments.is_whole()

    def add(self, fragment: dict[str, Json]) -> None:
        """A fragment has come."""
        fields = dict(fragment)
        function, custom = fields.pop("function", None), fields.pop("custom", None)
        self.id = as_text(fields.get("id")) or self.id
        # Later pieces repeat id and name, or leave them empty.
        overlay(self._fields, {name: value for name, value in fields.items() if value != ""})
        if isinstance(function, dict):
            self._fields["function"] = self._function
            self._arguments.add(as_text(function.get("arguments")) or "")
            rest = self._texts.take(dict(function))
            overlay(self._function, {name: value for name, value in rest.items() if value != ""})
        if isinstance(custom, dict):
            self._fields["custom"] = self._custom
            overlay(self._custom, {name: value for name, value in self._input.take(dict(custom)).items() if value})

    def finish(self) -> dict[str, Json]:
        """The call, its texts put together."""
        self._function.update(self._texts.joined())
        self._custom.update(self._input.joined())
        return self._fields


_STRUCTURE: Final = re.compile(r"[\"{}\[\]\\]")


class _Nesting:
    """Nesting depth of JSON that arrives in pieces. Examines each piece once."""

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._depth = 0
        self._in_string = False
        self._has_begun = False

    def add(self, piece: str) -> None:
        """A piece has come."""
        self._waiting.append(piece)

    def is_whole(self) -> bool:
        """Whether an object or array has begun, and every one has ended."""
        text = "".join(self._waiting)
        self._waiting.clear()
        at = 0
        while (mark := _STRUCTURE.search(text, at)) is not None:
            at = mark.end()
            match mark[0]:
                case "\\":
                    if at == len(text):
                        self._waiting.append("\\")  # what it escapes is still to come
                    at += 1
                case '"':
                    self._in_string = not self._in_string
                case "{" | "[" if not self._in_string:
                    self._depth, self._has_begun = self._depth + 1, True
                case "}" | "]" if not self._in_string:
                    self._depth -= 1
        return self._has_begun and self._depth == 0 and not self._in_string


class Texts:
    """Fields whose pieces are joined at the end: long texts come in many."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._pieces: dict[str, list[str]] = {}
        self._names = names

    def take(self, fields: dict[str, Json]) -> dict[str, Json]:
        """Keep the pieces, and return the rest."""
        for name in self._names:
            if isinstance(fields.get(name), str):
                self._pieces.setdefault(name, []).append(fields.pop(name))
        return fields

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def joined(self) -> dict[str, Json]:
        """The whole texts, by name."""
        return {name: "".join(pieces) for name, pieces in self._pieces.items()}
