"""`gemtap export`: files, what is told of them, and what cannot be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gemtap.exporters.registry import FORMATS
from tests.records import make_record
from tests.unit.cli.conftest import invoke, keep, run, run_here
from tests.unit.exporters.exported import TOOL_USE, model, turn, user


def test_every_format_goes_to_a_file_and_to_standard_output(folder: Path) -> None:
    """Every format is written to a file and to stdout."""
    (id_,) = keep(turn(*TOOL_USE))
    for chosen in FORMATS.values():
        which = [id_] if chosen.shows_one else []
        done = invoke("export", chosen.name, *which, "-o", f"out{chosen.suffix}")
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "1 written, of 1.\n"), chosen.name
        written = (folder / f"out{chosen.suffix}").read_bytes()
        done = invoke("export", chosen.name, *which)
        assert done.stdout_bytes == written, chosen.name
        assert done.stderr == "1 written, of 1.\n"
        assert not [path for path in folder.iterdir() if path.name.endswith(".part")]


def test_a_process_writes_bytes_to_standard_output(folder: Path) -> None:
    """The command as a process writes to its real stdout what it writes to a file, and the report to stderr."""
    keep(turn(*TOOL_USE))
    assert run("export", "parquet", "-o", "out.parquet").stderr == b"1 written, of 1.\n"
    done = run("export", "parquet")
    assert (done.returncode, done.stdout) == (0, (folder / "out.parquet").read_bytes())


def test_the_report_tells_what_was_left_out_and_removed(folder: Path) -> None:
    """The report counts omitted interactions and removed values."""
    mail = turn(user("Mail ada@example.com"), model("Ho"))
    keep(mail, turn(user("Hi"), model("Ho"), finish_reason="MAX_TOKENS"), make_record(answered=False))
    done = run("export", "openai-chat", "--scrub", "-o", "set.jsonl")
    assert done.stderr.decode().splitlines() == [
        "1 written, of 3.",
        "  left out 1: the answer is incomplete",
        "  left out 1: the answer was truncated (MAX_TOKENS)",
        "  removed 1: email address",
    ]
    done = run("export", "openai-chat", "--scrub", "-o", "set.jsonl", "--json")
    assert json.loads(done.stdout) == {
        "read": 3,
        "written": {"train": 1, "validation": 0},
        "left_out": {"the answer is incomplete": 1, "the answer was truncated (MAX_TOKENS)": 1},
        "removed": {"email address": 1},
        "warnings": [],
    }


def test_a_split_makes_two_files(folder: Path) -> None:
    """A split writes two files."""
    keep(*(turn(user(f"{n}"), model("Ho")) for n in range(40)))
    done = run_here("export", "sharegpt", "--split", "0.5", "-o", "set.jsonl")
    train, validation = ((folder / f"set{which}.jsonl").read_bytes().splitlines() for which in ("", ".validation"))
    assert len(train) + len(validation) == 40
    assert train
    assert validation
    assert done.stderr.decode() == f"{len(train)} written and {len(validation)} for validation, of 40.\n"


def test_only_what_a_query_finds(folder: Path) -> None:
    """Only interactions that match the query are exported."""
    keep(
        replace(turn(user("One"), model("Ho"), rating="good"), text="rare words"),
        replace(turn(user("Two"), model("Ho"), rating="good"), text="other words"),
        replace(turn(user("Three"), model("Ho")), text="rare words"),
    )
    for query, count in (("rating:good words", 2), ('rating:good "rare words"', 1), ("-rare", 1), ("nowhere", 0)):
        done = run_here("export", "jsonl", "--where", query)
        assert len(done.stdout.splitlines()) == count, query
    done = run_here("export", "openai-chat", "--where", "rare -rating:good")
    assert b"Three" in done.stdout
    assert b"One" not in done.stdout


def test_a_query_that_is_none_is_explained() -> None:
    """An invalid query is explained."""
    (id_,) = keep(turn(*TOOL_USE))
    done = run_here("export", "jsonl", "--where", "modle:x")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Did you mean model?" in done.stderr
    done = run_here("export", "html", id_, "--where", "x")
    assert done.returncode == 2
    assert b"--where does not apply to html" in done.stderr


def test_the_formats_are_listed() -> None:
    """The formats are listed."""
    assert [line.split()[0] for line in invoke("export").stdout.splitlines()] == list(FORMATS)
    listed = json.loads(run_here("export", "--json").stdout)["formats"]
    assert [each["name"] for each in listed] == list(FORMATS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("word",), "Unknown format 'word'. Formats: jsonl, "),
        (("markdwn", "last"), "Unknown format 'markdwn'. Did you mean 'markdown'?"),
        (("har", "--split", "0.5", "-o", "a"), "--split does not apply to har."),
        (("csv", "--scrub"), "--scrub does not apply to csv."),
        (("openai-chat", "--bodies"), "--bodies does not apply to openai-chat."),
        (("openai-chat", "--split", "1.5", "-o", "a"), "Bad flag --split: 1.5 is not between 0 and 1"),
        (("openai-chat", "--split", "0.5"), "--split needs a file: add -o FILE."),
        (("openai-chat", "--json"), "--json needs a file: add -o FILE."),
        (("markdown",), "markdown exports one conversation: "),
    ],
)
def test_what_makes_no_sense_is_said(arguments: tuple[str, ...], message: str) -> None:
    """Contradictory options are rejected."""
    keep(make_record())
    done = run_here("export", *arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.decode().startswith(f"gemtap: {message}")


def test_what_cannot_be_written_or_found_is_said() -> None:
    """Unwritable files and unknown ids are errors."""
    keep(make_record())
    for arguments, message in (
        (("jsonl", "-o", "no/where.jsonl"), "cannot be written: No such file or directory."),
        (("jsonl", "-o", "."), ". cannot be written: Is a directory."),
        (("markdown", "0" * 24), "There is no thread and no interaction"),
    ):
        done = run_here("export", *arguments)
        assert done.returncode == 1
        assert message in done.stderr.decode()


def test_without_a_store_it_says_so() -> None:
    """Without a store, the command says so."""
    done = run_here("export", "jsonl")
    assert done.returncode == 1
    assert b"Nothing is recorded yet" in done.stderr
