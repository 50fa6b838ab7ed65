"""Function calls that arrive in pieces: `partialArgs`, each with the JSONPath that it belongs to.

A call is open while `willContinue` is true; the next piece without it is its last. After `FunctionCall` and
`PartialArg` in Google's API reference (`streamFunctionCallArguments`).
"""

from __future__ import annotations

import re
from typing import Final

from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, overlay

_PIECEWISE: Final = frozenset({"partialArgs", "willContinue"})

_VALUES: Final = ("stringValue", "numberValue", "boolValue", "nullValue")

_Steps = list[str | int]

_MAX_STEPS: Final = 100


class OpenCall:
    """A part with an incomplete function call. `part` is the accumulated state."""

    def __init__(self, part: dict[str, Json]) -> None:
        self.part: dict[str, Json] = {}
        self._call: dict[str, Json] = {}
        self._texts: dict[str, list[str]] = {}
        self.add(part)

    @staticmethod
    def begins_with(part: Json) -> bool:
        """Whether the part holds a function call that does not come whole."""
        return not _PIECEWISE.isdisjoint(as_dict(as_dict(part).get("functionCall")))

    def continues_with(self, part: Json) -> bool:
        """Whether the part holds the next piece of this call: of the same name and id, if it names any."""
        call = as_dict(part).get("functionCall")
        return (
            isinstance(call, dict)
            and self._call.get("willContinue") is True
            and all(call.get(name) in (None, "", self._call.get(name)) for name in ("name", "id"))
        )

    def add(self, part: dict[str, Json]) -> None:
        """Merge a piece."""
        piece = as_dict(part["functionCall"])
        overlay(self.part, {name: value for name, value in part.items() if name != "functionCall"})
        # Pieces repeat name and id, or leave them empty.
        fields = {name: value for name, value in piece.items() if name not in {*_PIECEWISE, "args"} and value != ""}
        overlay(self._call, fields)
        if isinstance(piece.get("args"), dict):
            self._call["args"] = {**as_dict(self._call.get("args")), **piece["args"]}
        for partial in as_list(piece.get("partialArgs")):
            if not self._merge(as_dict(partial)):
                self._call.setdefault("partialArgs", []).append(partial)
        self._call.pop("willContinue", None)
        if piece.get("willContinue") is True:
            self._call["willContinue"] = True
        self.part["functionCall"] = self._call

    def finish(self) -> None:
        """Put the strings together whose pieces have come. It is done once, so that long ones cost no more."""
        for path, pieces in self._texts.items():
            _set(self._call["args"], parse_path(path) or [], "".join(pieces))

    def _merge(self, partial: dict[str, Json]) -> bool:
        """Whether the piece has found its place."""
        path = as_text(partial.get("jsonPath")) or ""
        steps = parse_path(path)
        kind = next((kind for kind in _VALUES if kind in partial), None)
        if not steps or kind is None:
            return False
        value = None if kind == "nullValue" else partial[kind]
        if kind == "stringValue" and isinstance(value, str) and path in self._texts:
            self._texts[path].append(value)
            return True
        self._texts.pop(path, None)
        args = as_dict(self._call.get("args"))
        if not _set(args, steps, value):
            return False
        self._call["args"] = args
        if isinstance(value, str):
            self._texts[path] = [value]
        return True


_STEP: Final = re.compile(
    r"""\.(?P<name>[^.\[\]'"]+)
    |\[(?P<index>[0-9]{1,9})\]
    |\['(?P<single>(?:[^'\\]|\\.)*)'\]
    |\["(?P<double>(?:[^"\\]|\\.)*)"\]""",
    re.VERBOSE | re.DOTALL,
)


def parse_path(path: str) -> _Steps | None:
    """`$.stops[0]['place name']` -> `["stops", 0, "place name"]`; None for what is no singular JSONPath (RFC 9535)."""
    if not path.startswith("$"):
        return None
    steps: _Steps = []
    position = 1
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None or len(steps) == _MAX_STEPS:
            return None
        position = step.end()
        if step["index"] is not None:
            steps.append(int(step["index"]))
        elif step["name"] is not None:
            steps.append(step["name"])
        else:
            quoted = step["single"] if step["single"] is not None else step["double"]
            steps.append(re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
    return steps


def _set(root: dict[str, Json], steps: _Steps, value: Json) -> bool:
    """Set a value at its place, with the containers on the way to it. False where the way is barred."""
    place: Json = root
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if isinstance(step, int):
            # An index may be at most the next one: it is untrusted, and must not create long lists.
            if not isinstance(place, list) or step > len(place):
                return False
            if step == len(place):
                place.append(None)
        elif not isinstance(place, dict):
            return False
        if following is None:
            place[step] = value
        else:
            inside = place.get(step) if isinstance(place, dict) else place[step]
            if inside is None:
                inside = place[step] = [] if isinstance(following, int) else {}
            place = inside
    return True
