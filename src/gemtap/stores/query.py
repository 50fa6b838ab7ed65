"""The query language: what a person writes to say which interactions, the same wherever they can be listed.

`model:gemini-2.5-pro status:>=400 -client:cline,aider since:7d`: conditions with spaces between them, all of which
must hold. docs/queries.md describes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

from lark import Lark, Token
from lark.exceptions import UnexpectedInput, UnexpectedToken

from gemtap.stores.fields import FIELDS, Field, Kind
from gemtap.stores.filter import Condition, Filter, Is, IsSet, StartsWith, Test, Within
from gemtap.stores.query_values import BadValue, bounds, one_value, period

_GRAMMAR: Final = r"""
    start: _SPACE? (_item (_SPACE _item)*)? _SPACE?
    _item: condition
    condition: NOT? FIELD _operand ("," _operand)*
    _operand: QUOTED | PLAIN

    NOT: "-"
    FIELD: /[A-Za-z_][A-Za-z0-9_]*:/
    QUOTED: /"(\\.|[^"\\])*"/
    PLAIN: /[^\s",][^\s,]*/
    _SPACE: /\s+/
"""

_BOUNDS: Final = {"since": "since:7d", "until": "until:2026-03-14"}
"""What is written for the two ends of the time, each with an example."""


MAX_LENGTH: Final = 2_000
"""Characters of a query."""


class BadQuery(ValueError):
    """Not a query. The message says which word is wrong and what is allowed."""


def parse(text: str, now: datetime) -> Filter:
    """The filter that a query asks for; `now` is what relative times count back from. Raises BadQuery."""
    if len(text) > MAX_LENGTH:
        raise BadQuery(f"A query has up to {MAX_LENGTH:,} characters, not {len(text):,}.")
    if re.search(r"[\x00\ud800-\udfff]", text):
        raise BadQuery("The query has a character that is none: a zero byte, or half of one that is no UTF-8.")
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as exc:
        raise BadQuery(_fault(text, _position(exc, text))) from None
    return Filter(*(_condition(each, now) for each in tree.children))


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr")


def _condition(tree: Any, now: datetime) -> Condition:
    tokens: list[Token] = tree.children
    negated = tokens[0].type == "NOT"
    name, *operands = tokens[1:] if negated else tokens
    word = str(name[:-1])
    try:
        if word in _BOUNDS:
            return Condition("time", tuple(_end(word, str(each), now) for each in operands), negated)
        field = FIELDS.get(word)
        if field is None:
            raise BadQuery(_unknown_field(word))
        return Condition(word, tuple(_test(field, each, now) for each in operands), negated)
    except BadValue as exc:
        example = _BOUNDS.get(word) or FIELDS[word].example
        raise BadQuery(f"{word}: {exc} Such as {example}.") from None


def _end(word: str, operand: str, now: datetime) -> Test:
    start, _ = period(operand, now)
    return Within(at_least=start) if word == "since" else Within(below=start)


def _test(field: Field, operand: Token, now: datetime) -> Test:
    text = str(operand)
    if operand.type == "QUOTED":
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    elif text == "*":
        return IsSet()
    elif field.kind == Kind.WORD:
        if text.endswith("*"):
            return StartsWith(text[:-1])
    else:
        within = bounds(field.kind, text, now)
        if within is not None:
            return within
    value = one_value(field.kind, text, now)
    if field.choices and value not in field.choices:
        raise BadValue(f"{text!r} is not one of {', '.join(field.choices)}.{_meant(text, field.choices)}")
    return Is(value)


def _unknown_field(word: str) -> str:
    names = [*FIELDS, *_BOUNDS]
    return f"There is no field {word!r}.{_meant(word, names)} There are {', '.join(names)}."


def _meant(word: str, names: Iterable[str]) -> str:
    near = get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    return f" Did you mean {near[0]}?" if near else ""


def _position(exc: UnexpectedInput, text: str) -> int:
    """Where the parser could not go on."""
    if isinstance(exc, UnexpectedToken) and exc.token.type == "$END":
        return len(text)
    position: Any = exc.pos_in_stream  # which lark declares as None
    return int(position)


def _fault(text: str, position: int) -> str:
    """What is wrong where the parser could not go on."""
    before, word = text[:position], (text[position:].split() or [""])[0]
    if word.startswith('"') and text.count('"', position) == 1:
        return f"The quote that begins with {word} is not closed."
    condition = re.search(r"[A-Za-z_]\w*:\S*$", before)
    if condition is not None:
        return f'{condition[0]} lacks a value: write one after it, such as model:gemini-2.5-pro or tag:"to read".'
    return f"{word} is no condition: those are FIELD:VALUE, such as model:gemini-2.5-pro."
