"""Two interactions side by side: their responses and figures."""

from __future__ import annotations

import json
import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from gemtap.cli.printing import console
from gemtap.control_chars import show_control_chars

if TYPE_CHECKING:
    from gemtap.conversation.model import Part
    from gemtap.interaction import Interaction

_MOST_COMPARED: Final = 20_000
"""Limit for both responses together, in words. Longer ones are not compared, since that would take minutes."""


def text_so_far(document: Interaction) -> str:
    """The text of a streamed response that is still under way; empty until the model has said something."""
    return (_said(document) or "") if document["streaming"] else ""


def answer_text(document: Interaction) -> str:
    """The response as text: the model's text and calls if it is a conversation, else the body."""
    if (said := _said(document)) is not None:
        return said
    body = document["response"]["body"] if document["response"] is not None else None
    match body:
        case None:
            return ""
        case str():
            return body
        case bytes():
            return f"{len(body):,} bytes"
        case _:
            return json.dumps(body, ensure_ascii=False, indent=2)


def _said(document: Interaction) -> str | None:
    """The model's text and calls; None where there is no answer of a conversation."""
    from gemtap.providers.documents import conversation_of

    try:
        conversation = conversation_of(document)
    except Exception:
        return None  # show the body instead
    if conversation is None or conversation.answer is None:
        return None
    return "".join(map(_part_text, conversation.answer.parts))


def _part_text(part: Part) -> str:
    from gemtap.conversation.model import Call, Grounding, Media, Other, Text
    from gemtap.conversation.server_tools import shown_as
    from gemtap.json_access import as_json_text

    match part:
        case Text(text):
            return text
        case Call(name, arguments):
            return f"\n→ {name}({json.dumps(arguments, ensure_ascii=False)})\n"
        case Media(mime_type, uri):
            return f"\n[{mime_type}{f' {uri}' if uri else ''}]\n"
        case Other():
            title, value, _ = shown_as(part)
            return f"\n{title}: {as_json_text(value)}\n"
        case Grounding(queries, sources):
            searched = f"\nSearched for: {', '.join(queries)}" if queries else ""
            cited = (f"\n- {' '.join(filter(None, (each.title, each.uri)))}" for each in sources)
            return f"\n{searched}{''.join(cited)}\n"
        case _:
            return ""


def figures_of(document: Interaction) -> str:
    """Status, model, tokens, cost and duration in one line."""
    response, tokens, cost = document["response"], document["tokens"], document["cost"]
    duration = document["request_duration_ms"]
    figures = [
        str(response["status"]) if response is not None else document["outcome"].replace("_", " "),
        document["model_version"] or document["model"] or document["operation"],
        "" if tokens["output"] is None else f"{tokens['output']:,} tokens",
        "" if cost is None or cost["usd"] is None else f"${cost['usd']:.6f}",
        "" if duration is None else f"{duration / 1000:.1f} s",
    ]
    return "  ".join(filter(None, figures))


def print_side_by_side(old: Interaction, new: Interaction) -> None:
    """Print both responses with their differences marked."""
    texts = answer_text(old), answer_text(new)
    table = Table(expand=True, show_lines=False, header_style="bold")
    for name, document in (("before", old), ("now", new)):
        table.add_column(Text(f"{name}  {show_control_chars(figures_of(document))}"), ratio=1, overflow="fold")
    table.add_row(*_marked(*texts))
    console().print(table)


def _marked(old: str, new: str) -> tuple[Text, Text]:
    words = [re.findall(r"\s+|\w+|[^\w\s]", show_control_chars(text)) for text in (old, new)]
    shown = Text(), Text()
    if sum(map(len, words)) > _MOST_COMPARED:
        return Text(show_control_chars(old)), Text(show_control_chars(new))
    for kind, *places in SequenceMatcher(None, words[0], words[1], autojunk=False).get_opcodes():
        for side, style in ((0, "red"), (1, "green")):
            start, end = places[2 * side : 2 * side + 2]
            shown[side].append("".join(words[side][start:end]), style if kind != "equal" else "")
    return shown
