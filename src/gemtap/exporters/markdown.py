"""One conversation as Markdown, for sharing."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from gemtap.control_chars import show_control_chars
from gemtap.conversation.model import Aside, Call, Conversation, Grounding, Media, Other, Part, Result, Text, Thought
from gemtap.conversation.preview import encrypted_form
from gemtap.conversation.server_tools import shown_as, token_probabilities
from gemtap.exporters.base import Chunk, ExportOptions, Format, Report
from gemtap.exporters.single import Shown, shown_of
from gemtap.exporters.text_limit import file_of, text_limit
from gemtap.interaction import Json, iso
from gemtap.stores.base import Store
from gemtap.workers import OverLimit

SPEAKERS: Final = {"user": "User", "model": "Model", "tool": "Tools"}

_LINK: Final = re.compile(r"https?://[!#-;=?-\[\]_a-z~]+", re.ASCII)
_WORD: Final = re.compile(r"[a-z0-9+#-]", re.ASCII)

_PARSER: Final = MarkdownIt("commonmark")


async def write(store: Store, wanted: ExportOptions, report: Report) -> AsyncIterator[Chunk]:
    """The Markdown file."""
    shown = await shown_of(store, wanted, report)
    yield Chunk(await file_of(shown, wanted, to_markdown))


def to_markdown(shown: Shown) -> str:
    """The conversation with a heading for each message."""
    sections = [f"# {harmless(shown.title)}", _facts(shown)]
    conversation = shown.conversation
    if conversation.cache is not None:
        sections.append(f"Cached content {code(conversation.cache)} precedes this conversation.")
    if conversation.system is not None:
        sections += ["## System", harmless(conversation.system)]
    for message in conversation.messages:
        sections += [f"## {SPEAKERS[message.role]}", *_parts(message.parts)]
    if conversation.tools:
        sections += ["## Available tools", _tools(conversation)]
    if conversation.built_in:
        sections += ["## Built-in tools", _built_in(conversation)]
    return "\n\n".join(sections) + "\n"


def _facts(shown: Shown) -> str:
    document = shown.document
    facts = [document["model"], iso(document["timestamp"]), document["client"]["name"]]
    tokens = document["tokens"]
    if tokens["input"] is not None:
        facts.append(f"{tokens['input']:,} input tokens, {tokens['output'] or 0:,} output tokens")
    return " · ".join(harmless(fact) for fact in facts if fact)


def _parts(parts: tuple[Part, ...]) -> Iterator[str]:
    for part in parts:
        match part:
            case Text():
                yield harmless(part.text)
            case Thought():
                words = encrypted_form(part) or harmless(part.text)
                yield "\n".join(f"> {line}" for line in words.splitlines())
            case Call():
                yield f"Calls {code(part.name)}:\n\n{block(part.arguments)}"
            case Result():
                yield f"Result{f' of {code(part.name)}' if part.name else ''}:\n\n{block(part.content)}"
                yield from map(_medium, part.media)
            case Media():
                yield _medium(part)
            case Grounding():
                yield _sources(part)
            case Aside():
                yield _aside(part)
            case Other():
                shown = shown_as(part)
                yield f"{harmless(shown.title)}:\n\n{block(shown.value, shown.language or '')}"


def _medium(media: Media) -> str:
    facts = [f"*{harmless(media.mime_type)}*", address(media.uri) if media.uri else ""]
    if media.cut is not None:
        facts.append(code(json.dumps(media.cut, ensure_ascii=False)))
    return " ".join(filter(None, facts))


def _sources(grounding: Grounding) -> str:
    lines = [f"Searched for {', '.join(map(code, grounding.queries))}", ""] if grounding.queries else []
    for source in grounding.sources:
        facts = [source.title and harmless(" ".join(source.title.split())), source.uri and address(source.uri)]
        lines.append(" ".join([*filter(None, ["-", *facts]), f"({harmless(source.kind)})"]))
        if source.note:
            lines.append(f"  {harmless(' '.join(source.note.split()))}")
    return "\n".join(["Sources:", "", *lines])


def _aside(aside: Aside) -> str:
    tokens = token_probabilities(aside)
    if not tokens:
        return f"{harmless(aside.kind)}:\n\n{block(aside.value)}"
    lines = (f"{token.log_probability:9.4f}  {json.dumps(token.token, ensure_ascii=False)}" for token in tokens)
    return "Log probabilities of the tokens:\n\n" + block("\n".join(lines))


def address(uri: str) -> str:
    """A link where the address can be one, else code."""
    return f"<{uri}>" if _LINK.fullmatch(uri) else code(uri)


def _tools(conversation: Conversation) -> str:
    described = (f"- {code(tool.name)}: {harmless(_first_line(tool.description))}" for tool in conversation.tools)
    return "\n".join(described)


def _built_in(conversation: Conversation) -> str:
    lines = []
    for tool in conversation.built_in:
        settings = code(json.dumps(tool.settings, ensure_ascii=False)) if tool.settings else ""
        lines.append(f"- {code(tool.name)} {settings}".rstrip())
    return "\n".join(lines)


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def code(text: str) -> str:
    """The text as inline code."""
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{show_control_chars(' '.join(text.split()))}{pad}{fence}"


def block(value: Json, language: str = "") -> str:
    """A value as a code block: text unchanged, everything else as JSON. `language`: that of the text."""
    text = show_control_chars(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2))
    fence = "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    tag = "".join(_WORD.findall(language)) if isinstance(value, str) else "json"
    return f"{fence}{tag}\n{text}\n{fence}"


def harmless(text: str) -> str:
    """Recorded Markdown with its HTML escaped."""
    text = show_control_chars(text)
    try:
        with text_limit(text):
            if not any(_is_html(token.type) for token in _flat(text)):
                return text
    except OverLimit:
        pass  # there may be HTML in it
    # Inside code `<` needs no escape, but only a parser could find code, so every `<` is escaped.
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _flat(text: str) -> Iterator[Token]:
    for token in _PARSER.parse(text):
        yield token
        yield from token.children or ()


def _is_html(kind: str) -> bool:
    return kind in ("html_block", "html_inline")


FORMAT: Final = Format(
    "markdown", "one conversation, for sharing", ".md", "text/markdown; charset=utf-8", write, shows_one=True
)
