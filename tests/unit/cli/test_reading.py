"""`gemtap ls` and `gemtap show`."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from typer.testing import CliRunner

from gemtap.cli.app import Failed, app
from gemtap.settings import SettingsError
from gemtap.stores.base import Store
from tests.records import NOON, make_record
from tests.unit.cli.conftest import invoke, keep, shown, with_store
from tests.unit.dashboard.conftest import site_over
from tests.unit.exporters.talks import APIS, Say, Talk

NOBODY = "0123456789abcdef01234567"
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\r\x08 [bold]markup[/bold]"


def from_api(path: str, folder: Path) -> Any:
    """What the dashboard's API answers over the same store."""

    async def ask(store: Store) -> Any:
        async with site_over(store, folder) as site:
            return await site.api(path)

    return with_store("sqlite:///data/gemtap.db", ask)


def test_a_list_in_json_is_the_list_of_the_api(folder: Path) -> None:
    """`ls --json` prints the same as the API."""
    keep(*(make_record(timestamp=NOON + timedelta(seconds=number), note=f"é\x9b\u202e{number}") for number in range(5)))
    first = json.loads(shown("ls", "--json", "-n", "3"))
    assert first == from_api("interactions?limit=3", folder)
    second = json.loads(shown("ls", "--json", "-n", "3", "--cursor", first["next"]))
    assert second == from_api(f"interactions?limit=3&cursor={first['next']}", folder)
    assert [len(first["items"]), len(second["items"])] == [3, 2]


def test_a_document_in_json_is_that_of_the_api(folder: Path) -> None:
    """`show --json` prints the same as the API."""
    (id_,) = keep(make_record(note=HOSTILE, chunks={"at_ms": [1.5], "bytes": [3]}))
    assert json.loads(shown("show", id_, "--json")) == from_api(f"interactions/{id_}", folder)


@pytest.mark.parametrize(
    ("flags", "fields"),
    [
        (["--provider", "vertex"], {"provider": "vertex"}),
        (["--model", "other"], {"model": "other"}),
        (["--operation", "countTokens"], {"operation": "countTokens"}),
        (["--outcome", "interrupted"], {"outcome": "interrupted"}),
        (["--status", "429"], {"response": {"status": 429}}),
        (["--client", "roo-code"], {"client": {**make_record().document["client"], "name": "roo-code"}}),
        (["--thread", NOBODY], {"thread": {"id": ObjectId(NOBODY), "turn": 1, "parent": None, "new_messages": 1}}),
        (["--since", "2026-03-14T12:00:01"], {"timestamp": NOON + timedelta(seconds=1)}),
        (["--since", "1h"], {"timestamp": datetime.now(UTC)}),
        (["model:oth* -status:200"], {"model": "other", "response": {"status": 429}}),
        (["--model", "other", "status:4xx"], {"model": "other", "response": {"status": 429}}),
        (["--", "-model:gemini-2.5-pro"], {"model": "other"}),
        (["-model:gemini-2.5-pro"], {"model": "other"}),
        (["-model:gemini-2.5-pro", "--limit", "5", "--", "status:200"], {"model": "other"}),
        (["--until", "2026-03-14T12:00:00"], {"timestamp": NOON - timedelta(seconds=1)}),
    ],
)
def test_a_filter_leaves_what_fits(flags: list[str], fields: dict[str, Any]) -> None:
    """Filters limit the list."""
    _, fitting = keep(make_record(), make_record(**fields))
    assert [item["id"] for item in json.loads(shown("ls", "--json", *flags))["items"]] == [fitting]


@pytest.mark.parametrize(
    ("sort", "order"), [("oldest", [0, 1, 2]), ("cost", [1, 2, 0]), ("duration", [2, 0, 1]), ("input", [0, 2, 1])]
)
def test_a_list_is_sorted_and_goes_on_so(sort: str, order: list[int]) -> None:
    """The order of `--sort` holds over pages."""
    numbers = [(30, 0.1, 20.0), (10, 0.3, 10.0), (20, 0.2, 30.0)]
    any_ = make_record().document
    ids = keep(
        *(
            make_record(
                timestamp=NOON + timedelta(seconds=number),
                tokens=any_["tokens"] | {"input": tokens},
                cost=(any_["cost"] or {}) | {"usd": cost},
                request_duration_ms=duration,
            )
            for number, (tokens, cost, duration) in enumerate(numbers)
        )
    )
    first = json.loads(shown("ls", "--json", "--sort", sort, "-n", "2"))
    rest = json.loads(shown("ls", "--json", "--sort", sort, "--cursor", first["next"]))
    assert [item["id"] for item in first["items"] + rest["items"]] == [ids[number] for number in order]


def test_a_list_is_a_line_each_with_a_way_to_the_older_ones() -> None:
    """The list has one line per interaction, and a cursor."""
    ids = keep(*(make_record(timestamp=NOON + timedelta(seconds=number)) for number in range(3)))
    lines = shown("ls", "-n", "2").splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ids[:0:-1]
    assert {"cline", "gemini-2.5-pro", "200"} <= set(lines[1].split())
    cursor = lines[3].removeprefix("Next page: --cursor ")
    assert shown("ls", "--cursor", cursor).splitlines()[1].startswith(ids[0])


def test_a_list_without_anything_says_so() -> None:
    """An empty list says so."""
    keep(make_record())
    assert shown("ls", "--model", "absent") == "No matching interactions.\n"


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--since", "tomorrow"], "Bad flag --since: 'tomorrow' is no time: 7d for seven days ago"),
        (["--since", "0001-01-01T00:00:00+14:00"], "Bad flag --since: '0001-01-01T00:00:00+14:00' is no time: "),
        (["--status", "7"], "Bad flag --status: '7' is less than 100."),
        (["--status", "1000"], "Bad flag --status: '1000' is more than 999."),
        (
            ["--outcome", "completed"],
            "Bad flag --outcome: 'completed' is not one of complete, client_disconnected, upstream_unreachable, ",
        ),
        (["--thread", "zzz"], "Bad flag --thread: 'zzz' is not an id"),
        (["--cursor", "zzz"], "Bad flag --cursor: "),
        (
            ["--sort", "oldst"],
            "Bad flag --sort: 'oldst' is not one of newest, oldest, duration, input, output, cost. "
            "Did you mean oldest?",
        ),
        (["--sort", "cost", "needle"], "Bad flag --sort: The results of a search for words"),
        (["--store", "postgres://host"], "Bad flag --store: "),
        (["--store", "mongodb://u:secret-word@host:99999/x"], "Bad setting store: "),
    ],
)
def test_a_bad_flag_is_named(flags: list[str], says: str) -> None:
    """An invalid flag is named."""
    keep(make_record())
    error = invoke("ls", *flags).exception
    assert isinstance(error, SettingsError)
    assert str(error).startswith(says)
    assert "secret-word" not in str(error)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ls", "-timeout"], "There is no option -timeout. To negate a word, put -- before it: gemtap ls -- -timeout"),
        # `-n` is an option, whose value would be `ote`.
        (
            ["ls", "since:7d", "-note"],
            "There is no option -note. To negate a word, put -- before it: gemtap ls -- -note",
        ),
        (
            ["ls", "-wide"],
            "There is no option -wide. Did you mean --wide? To negate a word, put -- before it: gemtap ls -- -wide",
        ),
        (
            ["threads", "-größe"],
            "There is no option -größe. To negate a word, put -- before it: gemtap threads -- '-größe'",
        ),
        (
            ["stats", "-at all"],
            "There is no option -at all. To negate a word, put -- before it: gemtap stats -- '-at all'",
        ),
        (
            ["searches", "save", "mine", "-timeout"],
            "There is no option -timeout. To negate a word, put -- before it: gemtap searches save NAME -- -timeout",
        ),
    ],
)
def test_a_negated_word_is_told_how_it_is_typed(arguments: list[str], says: str) -> None:
    """A word with a minus looks like an option; the error has the line to type."""
    result = CliRunner().invoke(app, arguments, prog_name="gemtap")
    assert isinstance(result.exception, SettingsError)
    assert str(result.exception) == says


@pytest.mark.parametrize("arguments", [["ls", "-x"], ["ls", "--bogus"], ["ls", "-n", "many"], ["stats", "--by", "x"]])
def test_what_is_no_word_stays_an_error_of_the_command_line(arguments: list[str]) -> None:
    """One letter, two dashes and bad values have the errors of options."""
    assert invoke(*arguments).exit_code == 2


@pytest.mark.parametrize("command", [["ls"], ["threads"], ["stats"], ["searches", "save"]])
def test_the_help_says_how_a_word_is_negated(command: list[str]) -> None:
    """Every command whose arguments are a query has the sentence, with a line to type."""
    assert re.search(r"Put `--` before a negated word: gemtap .* -- -timeout", shown(*command, "--help"))


def test_one_interaction_is_shown_whole() -> None:
    """`show` prints the whole interaction."""
    (id_,) = keep(make_record(chunks={"at_ms": [1.5], "bytes": [3]}))
    text = shown("show", id_)
    said = ("Why is the sky blue?", "Rayleigh.", "7 input, 2 output", "STOP", "cline 3.1", "1.23 s")
    for part in (id_, *said):
        assert part in text
    assert text.index("Why is") < text.index("Rayleigh.")


def test_an_interaction_without_an_answer_is_shown() -> None:
    """`show` prints an interaction without a response."""
    (id_,) = keep(make_record(answered=False, outcome="refused", model=None, request_duration_ms=None))
    assert "– · refused" in shown("show", id_)
    assert "– · refused" in shown("ls")


def test_a_late_turn_is_shown_without_what_the_client_resent() -> None:
    """`show` leaves out resent messages and the ends of long results; `--all` shows them."""
    output = "\n".join(f"line {number}" for number in range(40))
    contents = [
        {"role": "user", "parts": [{"text": "What is in a.py?"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "read_file", "args": {"path": "a.py"}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "read_file", "response": {"output": output}}}]},
    ]
    place = {"id": ObjectId(), "turn": 2, "parent": ObjectId(), "new_messages": 1}
    (id_,) = keep(make_record(request_raw=json.dumps({"contents": contents}).encode(), thread=place))
    text = shown("show", id_)
    assert "2 earlier messages, resent." in text
    assert "What is in a.py?" not in text
    assert "← read_file" in text
    assert "line 11\n… 28 more lines." in text
    whole = shown("show", id_, "--all")
    assert "What is in a.py?" in whole
    assert 'read_file({"path": "a.py"})' in whole
    assert "line 39" in whole


@pytest.mark.parametrize("api", ["openai responses", "anthropic", "gemini"])
def test_encrypted_thinking_is_one_line(api: str) -> None:
    """`show` prints its size in the place of its words."""
    (id_,) = keep(APIS[api](Talk((Say("Why?"), Say("So.", encrypted="gAAA" * 400)))))
    assert "\nThinking (encrypted, 1,600 bytes)\n" in shown("show", id_)


def test_what_is_no_conversation_is_shown_by_its_bodies() -> None:
    """`show` prints the bodies of an interaction that is no conversation."""
    (id_,) = keep(make_record(operation="models.list", request_raw=b"", response_raw=b'{"models": []}'))
    text = shown("show", id_)
    assert "No body." in text
    assert '"models": []' in text


def test_long_lines_are_not_broken_so_that_they_can_be_copied() -> None:
    """Long lines are not wrapped."""
    (id_,) = keep(make_record(note="x" * 1000))
    assert "x" * 1000 in shown("show", id_)


@pytest.mark.parametrize("arguments", [["show", NOBODY], ["show", NOBODY, "--raw", "request"], ["show", "zzz"]])
def test_an_interaction_that_is_not_there(arguments: list[str]) -> None:
    """An unknown id is an error."""
    keep(make_record())
    error = invoke(*arguments).exception
    assert isinstance(error, Failed)
    assert arguments[1] in str(error)


def test_json_and_raw_exclude_each_other() -> None:
    """`--json` and `--raw` exclude each other."""
    error = invoke("show", NOBODY, "--json", "--raw", "request").exception
    assert str(error) == "Give either --json or --raw."


@pytest.mark.parametrize("arguments", [["ls"], ["ls", "--json"], ["show"], ["show", "--json"]])
def test_recorded_text_moves_no_cursor(arguments: list[str]) -> None:
    """Control characters are made visible, or escaped; and what looks like rich's markup stays as it was."""
    name = {**make_record().document["client"], "name": HOSTILE}
    record = make_record(
        model=HOSTILE,
        operation=HOSTILE,
        client=name,
        preview={"prompt": HOSTILE, "answer": HOSTILE},
        error={"message": HOSTILE, "details": HOSTILE},
        request={"path": HOSTILE, "headers": {HOSTILE: HOSTILE}},
        response_raw=HOSTILE.encode(),
    )
    (id_,) = keep(record)
    text = shown(*arguments[:1], *([id_] if arguments[0] == "show" else []), *arguments[1:])
    assert not set(text) & set("\x1b\x07\x9b\u202e\r\x08")
    assert "[bold]mark" in text


@pytest.mark.parametrize("arguments", [["ls"], ["show", NOBODY], ["show", NOBODY, "--raw", "request"]])
def test_reading_where_nothing_is_recorded_makes_nothing(folder: Path, arguments: list[str]) -> None:
    """Reading does not create a database."""
    error = invoke(*arguments, "--data-dir", str(folder / "absent")).exception
    assert isinstance(error, Failed)
    assert "gemtap serve" in str(error)
    assert list(folder.iterdir()) == []


def test_reading_from_mongodb_makes_nothing_there_either(mongod_url: str) -> None:
    """Reading does not create collections in MongoDB."""
    assert json.loads(shown("ls", "--json", "--store", mongod_url)) == {"items": [], "next": None}
    with MongoClient[dict[str, object]](mongod_url) as client:
        assert client.get_default_database().name not in client.list_database_names()


def test_a_store_that_is_away_says_what_to_do() -> None:
    """An unreachable store is an error with advice."""
    url = "mongodb://me:secret-word@127.0.0.1:1/gemtap?serverSelectionTimeoutMS=200"
    error = invoke("ls", "--store", url).exception
    assert isinstance(error, Failed)
    assert "Start MongoDB" in str(error)
    assert "secret-word" not in str(error)


def test_a_file_that_is_no_database_says_so(folder: Path) -> None:
    """A file that is no database is an error."""
    (folder / "junk.db").write_text("junk" * 1000)
    error = invoke("ls", "--store", "sqlite:///junk.db").exception
    assert isinstance(error, Failed)
    assert "not an SQLite database" in str(error)
    assert (folder / "junk.db").read_text() == "junk" * 1000
