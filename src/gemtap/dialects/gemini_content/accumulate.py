"""Accumulates the chunks of a streamed Gemini response into a single response."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from gemtap.dialects.gemini_content.partial_calls import OpenCall
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, count, one_or_many, overlay


def has_content(chunk: Json) -> bool:
    """Whether the chunk brings something of the answer: text, a call, data. A signature alone is none."""
    return any(
        value not in ("", None) and name not in ("thought", "thoughtSignature")
        for part in _parts(chunk)
        for name, value in as_dict(part).items()
    )


def has_thoughts(chunk: Json) -> bool:
    """Whether the chunk brings thoughts in words."""
    return any(as_dict(part).get("thought") is True for part in _parts(chunk))


def _parts(chunk: Json) -> Iterator[Json]:
    for candidate in as_list(as_dict(chunk).get("candidates")):
        yield from as_list(as_dict(as_dict(candidate).get("content")).get("parts"))


def accumulate(chunks: list[Json]) -> dict[str, Json]:
    """Accumulate chunks into one response.

    Candidates are joined by `index`, their parts by `_Parts`. For every other field the last value that is not null
    wins, `usageMetadata` included, which is cumulative. Only sources are merged (`_UNITED`).
    """
    response: dict[str, Json] = {}
    candidates: dict[int, _Candidate] = {}
    for chunk in chunks:
        fields = dict(as_dict(chunk))
        for fragment in as_list(fields.pop("candidates", None)):
            if isinstance(fragment, dict):
                response.setdefault("candidates", [])
                index = count(fragment.get("index")) or 0
                candidates.setdefault(index, _Candidate()).add(fragment)
        overlay(response, fields)
    if candidates:
        response["candidates"] = [candidates[index].finish() for index in sorted(candidates)]
    return response


_UNITED: Final = {
    "groundingMetadata": (
        *("groundingChunks", "groundingSupports"),
        *("webSearchQueries", "imageSearchQueries", "retrievalQueries"),
    ),
    "urlContextMetadata": ("urlMetadata",),
    "citationMetadata": ("citationSources", "citations"),
}
"""Lists of searches and sources, to which each chunk may add."""

_LOGPROBS: Final = "logprobsResult"
_TOKENS: Final = ("chosenCandidates", "topCandidates")
"""Lists with an element a token. Each chunk has those of its own tokens, and equal ones may follow each other."""


class _Candidate:
    """One candidate under construction."""

    def __init__(self) -> None:
        self._fields: dict[str, Json] = {}
        self._content: dict[str, Json] | None = None
        self._parts = _Parts()

    def add(self, fragment: dict[str, Json]) -> None:
        fields = dict(fragment)
        content = fields.pop("content", None)
        if isinstance(content, dict):
            self._add_content(content)
        for name, lists in _UNITED.items():
            if isinstance(fields.get(name), dict):
                fields[name] = _unite(as_dict(self._fields.get(name)), fields[name], lists)
        if isinstance(fields.get(_LOGPROBS), dict):
            fields[_LOGPROBS] = _prolonged(as_dict(self._fields.get(_LOGPROBS)), fields[_LOGPROBS])
        overlay(self._fields, fields)

    def _add_content(self, content: dict[str, Json]) -> None:
        if self._content is None:
            self._content = self._fields["content"] = {}
        fields = dict(content)
        parts = fields.pop("parts", None)
        if isinstance(parts, list | dict):
            self._content.setdefault("parts", [])
            for part in one_or_many(parts):
                self._parts.add(part)
        overlay(self._content, fields)

    def finish(self) -> dict[str, Json]:
        if self._content is not None and "parts" in self._content:
            self._content["parts"] = self._parts.finish()
        return self._fields


def _prolonged(before: dict[str, Json], now: dict[str, Json]) -> dict[str, Json]:
    """The log probabilities of the tokens so far and of those of a chunk."""
    whole = dict(before)
    overlay(whole, now)
    for name in _TOKENS:
        if name in before and name in now:
            whole[name] = [*as_list(before[name]), *as_list(now[name])]
    sums = (before.get("logProbabilitySum"), now.get("logProbabilitySum"))
    if all(isinstance(each, int | float) for each in sums):
        whole["logProbabilitySum"] = sum(sums)
    return whole


def _unite(before: dict[str, Json], now: dict[str, Json], lists: tuple[str, ...]) -> dict[str, Json]:
    united = dict(before)
    overlay(united, now)
    for name in lists:
        if name in before and name in now:
            united[name] = _union(as_list(before[name]), as_list(now[name]))
    return united


def _union(before: list[Json], now: list[Json]) -> list[Json]:
    distinct: dict[str, Json] = {}
    for source in (*before, *now):
        try:
            key = json.dumps(source, sort_keys=True)
        except RecursionError:
            key = str(id(source))  # nested as deep as Python can read: it stays, whatever it is
        distinct.setdefault(key, source)
    return list(distinct.values())


class _Parts:
    """The parts of one candidate under construction.

    Plain text goes on in the part before it if that is plain text with the same `thought` flag. Anything else stays
    whole, in its place, with its `thoughtSignature`; only a function call that comes in pieces is put together.
    """

    def __init__(self) -> None:
        self._parts: list[Json] = []
        self._text: list[str] = []
        """The pieces of the last part while that is plain text, joined once it ends: long texts come in many."""
        self._call: OpenCall | None = None

    def add(self, part: Json) -> None:
        if _is_plain_text(part) and self._text and _is_thought(part) == _is_thought(self._parts[-1]):
            self._text.append(part["text"])
        elif self._call is not None and self._call.continues_with(part):
            signature = self._call.part.get("thoughtSignature")
            self._call.add(part)
            if signature not in (None, self._call.part.get("thoughtSignature")):
                # A part has room for one signature, and none may be lost: the API itself sends them on empty texts.
                self._begin({"text": "", "thoughtSignature": signature})
        else:
            self._begin(part)

    def _begin(self, part: Json) -> None:
        self._end_text()
        if _is_plain_text(part):
            self._text = [part["text"]]
            part = dict(part)
        elif OpenCall.begins_with(part):
            self._end_call()
            self._call = OpenCall(part)
            part = self._call.part
        self._parts.append(part)

    def finish(self) -> list[Json]:
        self._end_text()
        self._end_call()
        return self._parts

    def _end_text(self) -> None:
        if self._text:
            self._parts[-1]["text"] = "".join(self._text)
            self._text = []

    def _end_call(self) -> None:
        if self._call is not None:
            self._call.finish()
            self._call = None


def _is_plain_text(part: Json) -> bool:
    """Whether the part has only text: a part with a signature stays separate."""
    return (
        isinstance(part, dict)
        and isinstance(part.get("text"), str)
        and part.keys() <= {"text", "thought"}
        and isinstance(part.get("thought", False), bool)
    )


def _is_thought(part: Json) -> bool:
    return part.get("thought") is True
