"""One conversation as one HTML file for sharing, without scripts and without external resources."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import nh3
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from gemtap.addresses import is_link
from gemtap.control_chars import show_control_chars
from gemtap.conversation.model import Aside, Call, Grounding, Media, Result, Text, Thought
from gemtap.conversation.preview import encrypted_form
from gemtap.conversation.server_tools import shown_as, token_probabilities
from gemtap.conversation.sound import WAV, is_raw_sound, wav_of
from gemtap.exporters.base import Chunk, ExportOptions, Format, Report
from gemtap.exporters.markdown import SPEAKERS
from gemtap.exporters.single import Shown, shown_of
from gemtap.exporters.text_limit import file_of, text_limit
from gemtap.interaction import Json, iso
from gemtap.stores.base import Store
from gemtap.workers import OverLimit

_PARSER: Final = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")

_IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Image types that are embedded. SVG is excluded, since it can hold scripts."""


_SOUNDS: Final = frozenset(
    {WAV, "audio/x-wav", "audio/mpeg", "audio/mp3", "audio/ogg", "audio/aac", "audio/flac", "audio/mp4"}
)
"""Types of sounds that are embedded."""


async def write(store: Store, wanted: ExportOptions, report: Report) -> AsyncIterator[Chunk]:
    """The HTML file."""
    shown = await shown_of(store, wanted, report)
    yield Chunk(await file_of(shown, wanted, to_html))


def to_html(shown: Shown) -> str:
    """The page of a conversation."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: show_control_chars(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "markdown": markdown,
        "value": _value,
        "moment": iso,
        "sound": _sound,
        "shown_as": shown_as,
        "encrypted_form": encrypted_form,
        "token_probabilities": token_probabilities,
    }
    environment.tests |= {
        "said": _is(Text),
        "thought": _is(Thought),
        "call": _is(Call),
        "result": _is(Result),
        "media": _is(Media),
        "grounding": _is(Grounding),
        "aside": _is(Aside),
        "link": is_link,
    }
    return environment.get_template("conversation.html").render(
        title=shown.title, document=shown.document, conversation=shown.conversation, speakers=SPEAKERS, images=_IMAGES
    )


def markdown(text: str) -> Markup:
    """Markdown rendered as HTML. Embedded HTML is escaped, and nh3 removes everything active."""
    text = show_control_chars(text)
    try:
        with text_limit(text):
            return Markup(nh3.clean(_PARSER.render(text), url_schemes={"http", "https", "mailto"}))  # noqa: S704
    except OverLimit:
        return Markup("<pre>{}</pre><p>Shown without formatting, which takes too long for this text.</p>").format(text)


def _sound(media: Media) -> str | None:
    """A data URL of a sound that players open; None where it is none, or holds no Base64."""
    if media.base64 is None:
        return None
    if media.kind in _SOUNDS:
        return f"data:{media.kind};base64,{media.standard_base64}"
    if not is_raw_sound(media.mime_type):
        return None
    try:
        samples = base64.b64decode(media.standard_base64)
    except ValueError:
        return None
    return f"data:{WAV};base64,{base64.b64encode(wav_of(media.mime_type, samples)).decode('ascii')}"


def _value(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _is(kind: type) -> Any:
    return lambda part: isinstance(part, kind)


FORMAT: Final = Format(
    "html", "one conversation in one file, for sharing", ".html", "text/html; charset=utf-8", write, shows_one=True
)
