"""The documents say what the program does."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import sqlite3
from pathlib import Path

import pytest
from pymongo import MongoClient
from typer.testing import CliRunner

from docs.generate import PAGES
from gemtap.cli.app import app
from gemtap.interaction import Interaction, Outcome
from gemtap.stores.opening import open_store
from tests.records import make_record

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_up_to_date(name: str) -> None:
    assert (PROJECT / "docs" / name).read_text("utf-8") == PAGES[name](), "run `make docs`"


def test_links_between_documents_lead_somewhere() -> None:
    for page in (PROJECT / "README.md", *PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} names {target}"


def test_the_schema_names_every_field() -> None:
    text = (PROJECT / "docs" / "schema.md").read_text("utf-8")
    for field in Interaction.__annotations__:
        assert f"`{field}" in text, field
    for outcome in Outcome:
        assert f"`{outcome}`" in text, outcome


@pytest.mark.anyio
async def test_the_queries_for_sqlite_run(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'gemtap.db'}")
    await store.open()
    await store.put([make_record()])
    await store.close()
    (block,) = re.findall(r"```sql\n(.*?)```", (PROJECT / "docs" / "schema.md").read_text("utf-8"), re.S)
    queries = [query for query in block.split(";") if query.strip()]
    assert len(queries) == 4
    with contextlib.closing(sqlite3.connect(tmp_path / "gemtap.db")) as connection:
        for query in queries:
            connection.execute(query).fetchall()


def test_the_queries_for_mongodb_run(mongod_url: str) -> None:
    """As far as the server checks them: the pipelines, put into Python."""
    (block,) = re.findall(r"```js\n(.*?)```", (PROJECT / "docs" / "schema.md").read_text("utf-8"), re.S)
    pipelines = re.findall(r"aggregate\((\[.*?\])\)\n", block + "\n", re.S)
    assert len(pipelines) == 3
    with MongoClient[dict[str, object]](mongod_url) as client:
        for pipeline in pipelines:
            text = re.sub(r"([{,]\s*)(\$?\w+):", r'\1"\2":', pipeline)
            stages = json.loads(re.sub(r",(\s*[}\]])", r"\1", text))
            client.get_default_database()["gemini_interactions"].aggregate(stages).to_list()


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
