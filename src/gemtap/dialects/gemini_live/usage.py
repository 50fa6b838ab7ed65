"""What a session used: the API tells it of each turn by itself, and bills each turn with its whole context."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from gemtap.dialects.base import Message
from gemtap.dialects.common_fields import add_tokens
from gemtap.dialects.gemini_content.fields import read_tokens
from gemtap.dialects.gemini_live.accumulate import message_of
from gemtap.interaction import Json, Tokens
from gemtap.json_access import as_dict, as_list, count

_COUNTS: Final = ("tokenCount", "tokens", "count")
"""How the entries of a list of counts call their number."""


def turn_usages(messages: Sequence[Message]) -> list[dict[str, Json]]:
    """The `usageMetadata` of each turn: the last one, where a turn has several.

    A turn ends with `turnComplete`, or where the client returns a tool's result: the model reads everything again then.
    Usage that comes by itself after a turn without any is that turn's.
    """
    found: list[dict[str, Json]] = []
    has_usage, has_ended = False, False
    for message in messages:
        if message.side == "client":
            has_ended |= bool(message_of(message.json, "toolResponse"))
            continue
        usage = message_of(message.json, "usageMetadata")
        content = message_of(message.json, "serverContent")
        if has_ended and (content or has_usage):
            has_usage, has_ended = False, False
        if usage:
            found[len(found) - has_usage :] = [usage]
            has_usage = True
        has_ended |= content.get("turnComplete", content.get("turn_complete")) is True
    return found


def read_usage_tokens(usages: Iterable[Json]) -> Tokens:
    """The token counts of all turns together."""
    return add_tokens(map(read_tokens, usages))


def add_usages(usages: Sequence[dict[str, Json]]) -> Json:
    """One usage with all counts added up, also by modality; a single one unchanged, None for none."""
    if len(usages) < 2:
        return usages[0] if usages else None
    total: dict[str, Json] = {}
    for usage in usages:
        for name, value in usage.items():
            old = total.get(name)
            if (number := count(value)) is not None:
                total[name] = (count(old) or 0) + number
            elif isinstance(value, list):
                total[name] = _add_lists(as_list(old), value)
            elif value is not None:
                total[name] = value
    return total


def _add_lists(old: list[Json], new: list[Json]) -> list[Json]:
    """Entries such as `{"modality": "AUDIO", "tokenCount": 9}`, those of one modality together."""
    added: list[Json] = [dict(each) if isinstance(each, dict) else each for each in old]
    for each in new:
        fields = as_dict(each)
        name = next((name for name in _COUNTS if count(fields.get(name)) is not None), None)
        kind = {key: value for key, value in fields.items() if key != name}
        same = next(
            (one for one in map(as_dict, added) if name in one and {**one, name: 0} == {**kind, name: 0}),
            None,
        )
        if name is None or same is None:
            added.append(dict(fields) if isinstance(each, dict) else each)
        else:
            same[name] = (count(same[name]) or 0) + fields[name]
    return added
