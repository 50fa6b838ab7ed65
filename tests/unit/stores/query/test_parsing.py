"""The query language: what each form comes to, and what is said of what is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from gemtap.stores.mongo.conditions import PATHS
from gemtap.stores.query.fields import FIELDS
from gemtap.stores.query.filter import Condition, Filter, Is, IsSet, Says, StartsWith, Test, Within
from gemtap.stores.query.parsing import MAX_LENGTH, BadQuery, parse
from gemtap.stores.query.words import words_of
from gemtap.stores.sqlite.conditions import COLUMNS

NOW = datetime(2026, 3, 14, 12, 30, tzinfo=UTC)
ID = "66f1c0ffee0123456789abcd"


def day(number: int, month: int = 3) -> datetime:
    return datetime(2026, month, number, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "field", "tests"),
    [
        ("model:gemini-2.5-pro", "model", [Is("gemini-2.5-pro")]),
        ("model:a:b=c", "model", [Is("a:b=c")]),
        ("model:a,b", "model", [Is("a"), Is("b")]),
        ('tag:"to read","a,b"', "tag", [Is("to read"), Is("a,b")]),
        (r'tag:"a \"b\" \\"', "tag", [Is('a "b" \\')]),
        ('tag:""', "tag", [Is("")]),
        ("model:gemini-*", "model", [StartsWith("gemini-")]),
        ('model:"gemini-*"', "model", [Is("gemini-*")]),
        ("user:*", "user", [IsSet()]),
        ("cost:*", "cost", [IsSet()]),
        ("model:>=x", "model", [Is(">=x")]),
        ("status:429", "status", [Is(429)]),
        ("status:>=400", "status", [Within(at_least=400)]),
        ("status:4xx,5xx", "status", [Within(at_least=400, below=500), Within(at_least=500, below=600)]),
        ("tokens:>100k", "tokens", [Within(above=100_000)]),
        ("tokens:<1.5M", "tokens", [Within(below=1_500_000)]),
        ("tokens:<=2K", "tokens", [Within(at_most=2_000)]),
        ("input:1k..2k", "input", [Within(at_least=1_000, at_most=2_000)]),
        ("input:1k..", "input", [Within(at_least=1_000)]),
        ("input:..1_000", "input", [Within(at_most=1_000)]),
        ("cost:>$0.50", "cost", [Within(above=0.5)]),
        ("duration:>1.5s", "duration", [Within(above=1_500.0)]),
        ("first_byte:800ms..1m", "first_byte", [Within(at_least=800.0, at_most=60_000.0)]),
        ("error:yes", "error", [Is(True)]),
        ("streaming:False", "streaming", [Is(False)]),
        (f"id:{ID}", "id", [Is(ObjectId(ID))]),
        ("outcome:complete", "outcome", [Is("complete")]),
        ("since:7d", "time", [Within(at_least=NOW - timedelta(days=7))]),
        ("until:90m", "time", [Within(below=NOW - timedelta(minutes=90))]),
        ("since:yesterday", "time", [Within(at_least=day(13))]),
        ("since:2026-03-14T12:00:00+02:00", "time", [Within(at_least=datetime(2026, 3, 14, 10, tzinfo=UTC))]),
        ("since:2026-03-14T12:00", "time", [Within(at_least=datetime(2026, 3, 14, 12, tzinfo=UTC))]),
        ("time:today", "time", [Within(at_least=day(14), below=day(15))]),
        ("time:2026-02", "time", [Within(at_least=day(1, 2), below=day(1))]),
        ("time:>2026-03-01", "time", [Within(at_least=day(2))]),
        ("time:<=2026-03-01", "time", [Within(below=day(2))]),
        ("time:2026-03-01..2026-03-03", "time", [Within(at_least=day(1), below=day(4))]),
    ],
)
def test_a_condition_is_a_field_and_what_its_value_may_be(query: str, field: str, tests: list[Test]) -> None:
    """Each form of a condition is parsed into its tests."""
    assert parse(query, NOW) == Filter(Condition(field, tuple(tests)))
    assert parse(f"-{query}", NOW) == Filter(Condition(field, tuple(tests), negated=True))


@pytest.mark.parametrize(
    ("query", "tests"),
    [
        ("timeout", [Says(("timeout",))]),
        ("TimeOut!", [Says(("timeout",))]),
        ('"connection refused"', [Says(("connection", "refused"))]),
        ("connection_refused", [Says(("connection", "refused"))]),
        ("src/app.py:12", [Says(("src", "app", "py", "12"))]),
        ("a,b", [Says(("a", "b"))]),
        ("connec*", [Says(("connec",), begins=True)]),
        ("src/conn*", [Says(("src", "conn"), begins=True)]),
        ('"connec*"', [Says(("connec",))]),
        ("接続*", [Says(("接", "続"))]),
        (r'"say \"so\""', [Says(("say", "so"))]),
        ("text:timeout", [Says(("timeout",))]),
        ('text:timeout,"not found",con*', [Says(("timeout",)), Says(("not", "found")), Says(("con",), begins=True)]),
        ('"std::vector"', [Says(("std", "vector"))]),
        ("3d", [Says(("3d",))]),
    ],
)
def test_what_is_no_condition_is_words(query: str, tests: list[Test]) -> None:
    """Other text is parsed into words and phrases."""
    assert parse(query, NOW) == Filter(Condition("text", tuple(tests)))
    assert parse(f"-{query}", NOW) == Filter(Condition("text", tuple(tests), negated=True))
    assert parse(f"model:a {query} status:429", NOW).terms[1] == Condition("text", tuple(tests))


def test_words_beside_each_other_are_one_condition_each() -> None:
    """Each word is a condition of its own."""
    assert parse("connection -refused", NOW) == Filter(
        Condition("text", (Says(("connection",)),)), Condition("text", (Says(("refused",)),), negated=True)
    )


def test_conditions_stand_beside_each_other() -> None:
    """Several conditions and words form one filter."""
    assert parse("  model:a\tstatus:429\n", NOW) == Filter(model="a", status=429)
    assert parse("", NOW) == parse(" ", NOW) == Filter()


def test_a_filter_by_name_is_the_same_as_one_by_query() -> None:
    """A keyword of `Filter` equals the condition in a query."""
    assert Filter(model="a", since=day(1), until=day(2), client=None) == parse(
        "model:a since:2026-03-01 until:2026-03-02", NOW
    )
    assert Filter(model="a") & Filter(status=429) == Filter(model="a", status=429)
    with pytest.raises(TypeError, match="colour"):
        Filter(colour="red")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("modle:x", "Unknown field 'modle'. Did you mean model?"),
        ("colour:red", "Unknown field 'colour'. Fields: id, time, provider"),
        ("outcome:complet", "Did you mean complete?"),
        ("rating:great", "'great' is not one of good, bad. Example: rating:bad."),
        ("status:many", "'many' is not a number"),
        ("tokens:1.5", "not a whole number"),
        ("tokens:-5", "'-5' is not a number"),
        ("tokens:99999999999999999999", "too large"),
        ("tokens:1.2.3", "is not a number"),
        ("tokens:٣", "is not a number"),
        ("tokens:" + "9" * 40, "is not a number"),
        ("tokens:..", "A range needs an end"),
        ("duration:>5", "a number with a unit"),
        ("cost:much", "not an amount of dollars"),
        ("error:maybe", "'maybe' must be yes or no. Example: error:yes."),
        ("thread:zzz", "24 hexadecimal digits"),
        ("since:soon", "'soon' is no time: 7d for seven days ago"),
        ("since:2026-13", "is no time"),
        ("since:2026-02-30", "is no time"),
        ("since:999999y", "is no time"),
        ("since:0001-01-01T00:00:00+14:00", "is no time"),
        ("model:", "model: has no value"),
        ("model:a status:", "status: has no value"),
        ("model:a,", "model:a, has no value"),
        ('model:"a b', 'The quote that begins with "a is not closed'),
        ('x "a b', 'The quote that begins with "a is not closed'),
        ("***", "'***' has no word in it: words are letters and digits."),
        ("x -=>", "'=>' has no word in it"),
        ('""', "has no word in it"),
        ("text:*", "text: '*' has no word in it: words are letters and digits. Example: text:"),
        ("text:", "text: has no value"),
        ("co*", "'co*' is too short: a prefix has 3 characters or more."),
        ("src/ap*", "too short"),
        ("--flag", "A minus must directly precede a condition or a word. To find the text -flag, quote it."),
        ("a - b", "A minus must directly precede"),
        ('"a"b', "b is unexpected here"),
        ('a"b"', '"b" is unexpected here'),
        ("std::vector", "Unknown field 'std'."),
        ("std::vector", "Quote a text that contains a colon."),
        ("a " * 65, "A query can have up to 64 words, not 65"),
        ("model:a\0", "zero byte"),
        ("model:\ud800", "invalid UTF-8"),
        ("model:" + "a" * MAX_LENGTH, "up to 2,000 characters"),
    ],
)
def test_what_is_wrong_is_said_with_what_is_allowed(query: str, said: str) -> None:
    """The error of an invalid query names the wrong word and what is allowed."""
    with pytest.raises(BadQuery) as fault:
        parse(query, NOW)
    assert said in str(fault.value)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_its_place_in_both_stores_and_an_example_that_parses(name: str) -> None:
    """Every field has a column, a path and a valid example."""
    (term,) = parse(FIELDS[name].example, NOW).terms
    assert term.field == name
    assert name in COLUMNS
    assert name in PATHS


@given(st.text(st.sampled_from('ab -:,"\\*()^{}+é接0'), max_size=30))
def test_words_in_a_filter_are_letters_and_digits_whatever_was_written(text: str) -> None:
    """And so no query can bring a database's own syntax with it."""
    try:
        terms = parse(text, NOW).terms
    except BadQuery:
        return
    for word in [word for term in terms for test in term.tests if isinstance(test, Says) for word in test.words]:
        assert word.isalnum()
        assert words_of(word) == [word]


@given(st.text())
def test_any_text_is_a_query_or_is_refused_in_words(text: str) -> None:
    """Any text is parsed or raises BadQuery."""
    try:
        parse(text, NOW)
    except BadQuery as exc:
        assert str(exc)  # noqa: PT017


@given(st.sampled_from([*FIELDS, "since", "until"]), st.text())
def test_any_value_is_one_or_is_refused_in_words(field: str, value: str) -> None:
    """Any value of any field is parsed or raises BadQuery."""
    try:
        parse(f"{field}:{value}", NOW)
    except BadQuery as exc:
        assert str(exc)  # noqa: PT017
