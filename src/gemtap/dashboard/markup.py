"""Text of models and strangers as HTML that can do nothing: Markdown rendered, code highlighted.

markdown-it makes the HTML and takes none that is in the text; nh3 lets nothing else through; no picture is fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache, lru_cache
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import find_lexer_class_for_filename, get_lexer_by_name
from pygments.util import ClassNotFound

from gemtap.control_chars import show_control_chars
from gemtap.workers import OverLimit, processor_limit

_HIGHLIGHTED: Final = 60_000
"""Characters of code that are highlighted: about a tenth of a second. What is longer is shown plainly."""

_RENDERED: Final = 200_000
"""Characters of Markdown that are rendered."""

_SECONDS_OF_MARKDOWN: Final = 0.6
_SECONDS_OF_CODE: Final = 0.15
_SECONDS_A_CHARACTER: Final = 10e-6
"""Processor time that a text may take, whatever its length, and for each character: seven times what most take. A text
with code in it may have to load a lexer first."""

_TOO_LONG: Final = Markup('<div class="quiet">Shown without formatting, which takes too long for this text.</div>')

_TAGS: Final = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "pre", "code", "em"),
    *("strong", "s", "a", "table", "thead", "tbody", "tr", "th", "td", "span", "div"),
}
_ATTRIBUTES: Final = {"a": {"href", "title"}, "span": {"class"}, "div": {"class"}, "ol": {"start"}}
_SCHEMES: Final = {"http", "https", "mailto"}


def markdown(text: str) -> Markup:
    """A text in Markdown as HTML; plain where it is very long, or takes too long. For the main thread of a process."""
    if len(text) > _RENDERED:
        return _plain(text)
    try:
        with _limit(_SECONDS_OF_MARKDOWN, text):
            return _clean(_parser().render(show_control_chars(text)))
    except OverLimit:
        return _plain(text) + _TOO_LONG


def code(text: str, language: str = "") -> Markup:
    """Code as HTML, highlighted where the language is known and that does not take too long. Likewise."""
    return _clean(_highlighted(show_control_chars(text), language))


def _plain(text: str) -> Markup:
    return Markup('<pre class="plain" tabindex="0">{}</pre>').format(show_control_chars(text))


def _limit(seconds: float, text: str) -> AbstractContextManager[None]:
    return processor_limit(seconds + len(text) * _SECONDS_A_CHARACTER)


def language_of(path: Any) -> str:
    """The language of a file, by its name; empty where none is known."""
    if not isinstance(path, str) or len(path) > 500:
        return ""
    found = find_lexer_class_for_filename(path.rsplit("/", 1)[-1])
    return found.aliases[0] if found is not None and found.aliases else ""


def _clean(html: str) -> Markup:
    cleaned = nh3.clean(
        html, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes=_SCHEMES, link_rel="noopener noreferrer nofollow"
    )
    # Whoever has no mouse scrolls with keys, and for that has to get there.
    reachable = cleaned.replace("<pre>", '<pre tabindex="0">')
    return Markup(reachable)  # noqa: S704 - nothing is left in it that does anything


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "highlight": _fence}).enable(["table", "strikethrough"])
    parser.add_render_rule("image", _image)
    return parser


def _image(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """A link in the picture's stead: fetching it would tell its server who reads this."""
    source = str(tokens[index].attrGet("src") or "")
    return f'<a href="{escape(source)}">[image: {escape(tokens[index].content or source)}]</a>'


def _fence(text: str, language: str, attributes: str) -> str:
    return _highlighted(text, language)


def _highlighted(text: str, language: str) -> str:
    """A block of code; markdown-it takes it as it is where it begins with `<pre`."""
    plain = f"<pre><code>{escape(text)}</code></pre>"
    lexer = _lexer(language.lower()) if language and len(text) <= _HIGHLIGHTED else None
    if lexer is None:
        return plain
    try:
        with _limit(_SECONDS_OF_CODE, text):
            return f"<pre><code>{highlight(text, lexer, HtmlFormatter(nowrap=True))}</code></pre>"
    except OverLimit:
        # The regular expressions of some lexers take hours for some texts, be it by chance.
        return plain + _TOO_LONG


@lru_cache(100)
def _lexer(language: str) -> Lexer | None:
    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
