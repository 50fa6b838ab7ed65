"""The query language of lists, exports, the API and the dashboard.

`model:gemini-2.5-pro status:>=400 -client:cline,aider "connection refused" since:7d`: conditions and words, separated
by spaces, all of which must match. docs/queries.md describes it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from gemtap.faults import meant, not_one_of
from gemtap.stores.query.fields import FIELDS, Field, Kind
from gemtap.stores.query.filter import TEXT, Condition, Filter, Is, IsSet, Says, StartsWith, Test, Within
from gemtap.stores.query.values import BadValue, bounds, one_value, period
from gemtap.stores.query.words import is_sign, words_of

if TYPE_CHECKING:
    from lark import Lark, Token
    from lark.exceptions import UnexpectedInput

_GRAMMAR: Final = r"""
    start: _SPACE? (_item (_SPACE _item)*)? _SPACE?
    _item: condition | said
    condition: NOT? FIELD _operand ("," _operand)*
    said: NOT? (QUOTED | BARE)
    _operand: QUOTED | PLAIN

    NOT: "-"
    FIELD.1: /[A-Za-z_][A-Za-z0-9_]*:/
    BARE: /[^\s"-][^\s"]*/
    QUOTED: /"(\\.|[^"\\])*"/
    PLAIN: /[^\s",][^\s,]*/
    _SPACE: /\s+/
"""

_BOUNDS: Final = {"since": "since:7d", "until": "until:2026-03-14"}
"""Names for the two bounds of the time, each with an example."""


_TEXT_EXAMPLE: Final = 'text:"connection refused"'

MAX_LENGTH: Final = 2_000
"""Maximum length of a query, in characters."""

MAX_WORDS: Final = 64
"""Maximum number of words in a query."""

SHORTEST_BEGINNING: Final = 3
"""Minimum length of a prefix, in characters. Too many words share their first two letters."""


class BadQuery(ValueError):
    """The text is no query. The message says which word is wrong and what is allowed."""


def parse(text: str, now: datetime) -> Filter:
    """Parse a query into a filter. Relative times are relative to `now`. Raises BadQuery."""
    if len(text) > MAX_LENGTH:
        raise BadQuery(f"A query can have up to {MAX_LENGTH:,} characters, not {len(text):,}.")
    if re.search(r"[\x00\ud800-\udfff]", text):
        raise BadQuery("The query has an invalid character: a zero byte, or invalid UTF-8.")
    if not text.strip():
        return Filter()
    # Loaded late: commands and pages without a query do not need the parser.
    from lark.exceptions import UnexpectedInput

    try:
        tree = _parser().parse(text)
    except UnexpectedInput as exc:
        raise BadQuery(_fault(text, _position(exc, text))) from None
    items: list[Any] = tree.children
    found = Filter(*(_said(each) if each.data == "said" else _condition(each, now) for each in items))
    count = sum(len(test.words) for term in found.terms for test in term.tests if isinstance(test, Says))
    if count > MAX_WORDS:
        raise BadQuery(
            f"A query can have up to {MAX_WORDS} words, not {count}. A few words are enough to find a long text."
        )
    return found


def conditions_in(text: str) -> list[str]:
    """The conditions and words of a query, each as it is written. Raises BadQuery."""
    parse(text, datetime.now(UTC))
    if not text.strip():
        return []
    trees: list[Any] = _parser().parse(text).children
    return [text[tree.children[0].start_pos : tree.children[-1].end_pos] for tree in trees]


def quoted(value: str) -> str:
    """The value as an operand of a condition, in quotes if it needs them."""
    if re.fullmatch(r'[^\s",*<>=-][^\s",*]*', value) and ".." not in value:
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


@cache
def _parser() -> Lark:
    from lark import Lark

    return Lark(_GRAMMAR, parser="lalr")


def _said(tree: Any) -> Condition:
    tokens: list[Token] = tree.children
    try:
        return Condition(TEXT, (_says(tokens[-1]),), negated=len(tokens) > 1)
    except BadValue as exc:
        raise BadQuery(str(exc)) from None


def _says(operand: Token) -> Says:
    """Parse an operand into a phrase. Raises BadValue."""
    text = _unquoted(operand)
    words = tuple(words_of(text))
    if not words:
        raise BadValue(f"{text!r} has no word in it: words are letters and digits.")
    # A one-character word of an unspaced script is no prefix: longer text is several words.
    begins = operand.type != "QUOTED" and text.endswith("*") and not is_sign(words[-1])
    if begins and len(words[-1]) < SHORTEST_BEGINNING:
        raise BadValue(f"{text!r} is too short: a prefix has {SHORTEST_BEGINNING} characters or more.")
    return Says(words, begins)


def _condition(tree: Any, now: datetime) -> Condition:
    tokens: list[Token] = tree.children
    negated = tokens[0].type == "NOT"
    name, *operands = tokens[1:] if negated else tokens
    word = str(name[:-1])
    try:
        if word == TEXT:
            return Condition(TEXT, tuple(_says(each) for each in operands), negated)
        if word in _BOUNDS:
            return Condition("time", tuple(_end(word, str(each), now) for each in operands), negated)
        field = FIELDS.get(word)
        if field is None:
            raise BadQuery(_unknown_field(word))
        return Condition(word, tuple(_test(field, each, now) for each in operands), negated)
    except BadValue as exc:
        example = _TEXT_EXAMPLE if word == TEXT else _BOUNDS.get(word) or FIELDS[word].example
        raise BadQuery(f"{word}: {exc} Example: {example}.") from None


def _end(word: str, operand: str, now: datetime) -> Test:
    start, _ = period(operand, now)
    return Within(at_least=start) if word == "since" else Within(below=start)


def _test(field: Field, operand: Token, now: datetime) -> Test:
    text = _unquoted(operand)
    if operand.type == "PLAIN":
        if text == "*":
            return IsSet()
        if field.kind == Kind.WORD:
            if text.endswith("*"):
                return StartsWith(text[:-1])
        elif (within := bounds(field.kind, text, now)) is not None:
            return within
    value = one_value(field.kind, text, now)
    if field.choices and value not in field.choices:
        raise BadValue(not_one_of(text, field.choices))
    return Is(value)


def _unquoted(operand: Token) -> str:
    text = str(operand)
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if operand.type == "QUOTED" else text


def _unknown_field(word: str) -> str:
    names = [*FIELDS, *_BOUNDS, TEXT]
    return (
        f"Unknown field {word!r}.{meant(word, names)} Fields: {', '.join(names)}. Quote a text that contains a colon."
    )


def _position(exc: UnexpectedInput, text: str) -> int:
    """Position in the text where parsing failed."""
    from lark.exceptions import UnexpectedToken

    if isinstance(exc, UnexpectedToken) and exc.token.type == "$END":
        return len(text)
    position: Any = exc.pos_in_stream  # lark's annotation says None
    return int(position)


def _fault(text: str, position: int) -> str:
    """Error message for a syntax error at this position."""
    before, word = text[:position], (text[position:].split() or [""])[0]
    if word.startswith('"') and text.count('"', position) == 1:
        return f"The quote that begins with {word} is not closed."
    condition = re.search(r"[A-Za-z_]\w*:\S*$", before)
    if condition is not None:
        return f'{condition[0]} has no value: add one, such as model:gemini-2.5-pro or tag:"to read".'
    if before.endswith("-") or word.startswith("-"):
        return f"A minus must directly precede a condition or a word. To find the text -{word.lstrip('-')}, quote it."
    return f"{word} is unexpected here: separate conditions, words and quoted texts by spaces."
