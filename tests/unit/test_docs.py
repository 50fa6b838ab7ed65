"""The documents say what the program does."""

from __future__ import annotations

import contextlib
import re
import shlex
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from bson import json_util
from pymongo import MongoClient
from typer.testing import CliRunner

from docs.generate import PAGES
from gemtap.cli.app import app
from gemtap.interaction import Interaction, Outcome
from gemtap.stores.opening import open_store
from tests.contract.test_statistics import varied

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_up_to_date(name: str) -> None:
    """Generated pages equal the output of `make docs`."""
    assert (PROJECT / "docs" / name).read_text("utf-8") == PAGES[name](), "run `make docs`"


def test_links_between_documents_lead_somewhere() -> None:
    """Links between documents are valid."""
    for page in (PROJECT / "README.md", *PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} names {target}"


def test_the_schema_names_every_field() -> None:
    """docs/schema.md describes every field."""
    text = (PROJECT / "docs" / "schema.md").read_text("utf-8")
    for field in Interaction.__annotations__:
        assert f"`{field}" in text, field
    for outcome in Outcome:
        assert f"`{outcome}`" in text, outcome


@pytest.mark.anyio
async def test_the_questions_have_the_same_answers_from_both_stores(mongod_url: str, tmp_path: Path) -> None:
    """The ten of docs/schema.md, as they stand there."""
    path, records = tmp_path / "gemtap.db", varied(300)
    for url in (f"sqlite:///{path}", mongod_url):
        store = open_store(url)
        await store.open()
        await store.put(records)
        await store.close()
    text = (PROJECT / "docs" / "schema.md").read_text("utf-8")
    questions = re.findall(r"```js\n([^`]*)```\n```sql\n([^`]*)```", text)
    assert len(questions) == len(re.findall(r"^\*\*\d+\. ", text, re.M)) == 10
    with (
        MongoClient[dict[str, Any]](mongod_url) as client,
        contextlib.closing(sqlite3.connect(path)) as connection,
    ):
        connection.row_factory = sqlite3.Row
        for js, sql in questions:
            from_mongodb = client.get_default_database()["gemini_interactions"].aggregate(pipeline_of(js)).to_list()
            from_sqlite = [dict(row) for row in connection.execute(sql)]
            assert len(from_sqlite) > 1, sql
            assert in_order(from_mongodb) == [pytest.approx(row) for row in in_order(from_sqlite)], sql


def test_the_question_for_mongodb_alone_runs(mongod_url: str) -> None:
    """The example query of MongoDB runs."""
    text = (PROJECT / "docs" / "schema.md").read_text("utf-8")
    alone = re.findall(r"```js\n(db\.gemini_interactions\.aggregate[^`]*)```\n(?!```sql)", text)
    assert len(alone) == 1
    part = {"functionCall": {"name": "read", "args": {}}}
    answer = {"candidates": [{"content": {"parts": [part, {"text": "x"}, part]}}]}
    with MongoClient[dict[str, Any]](mongod_url) as client:
        collection = client.get_default_database()["gemini_interactions"]
        collection.insert_one({"response": {"body": answer}})
        assert collection.aggregate(pipeline_of(alone[0])).to_list() == [{"_id": "read", "calls": 2}]


def pipeline_of(js: str) -> list[dict[str, Any]]:
    """The stages of `db.COLLECTION.aggregate([...])` as mongosh takes it."""
    found = re.fullmatch(r"db\.gemini_interactions\.aggregate\((.*)\)\s*", js, re.S)
    assert found is not None, js
    quoted = re.sub(r"([{,]\s*)(\$?\w+):", r'\1"\2":', found[1])
    dated = re.sub(r'ISODate\(("[^"]+")\)', r'{"$date": \1}', quoted)
    stages: list[dict[str, Any]] = json_util.loads(dated)
    return stages


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows in an order that depends on nothing else, for rows that are equal in what a query sorts by."""
    named = [dict(sorted(row.items())) for row in rows]
    return sorted(
        named, key=lambda row: [f"{each:.6g}" if isinstance(each, int | float) else repr(each) for each in row.values()]
    )


def test_every_command_that_the_readme_names_exists() -> None:
    """With its options: the command line itself says so."""
    import gemtap.cli.app as cli

    cli.register()
    text = (PROJECT / "README.md").read_text("utf-8")
    commands = set(re.findall(r"`(gemtap [a-z][^`]*)`", text)) | set(re.findall(r"^(gemtap [a-z].*)$", text, re.M))
    assert len(commands) > 5
    for command in commands:
        _, name, *arguments = shlex.split(command.split("#")[0].split("|")[0])
        shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0, command
        for option in (each.split("=")[0] for each in arguments if each.startswith("-")):
            assert option in shown.output, command
