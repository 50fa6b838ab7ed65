"""Chat data, loaded with the library that TRL, Axolotl and Unsloth load theirs with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from bson import ObjectId

from gemtap.exporters.base import ExportOptions, Report
from gemtap.exporters.files import paths_of, save
from gemtap.exporters.registry import FORMATS
from gemtap.stores.base import Store
from tests.unit.exporters.exported import TOOL_USE, call, model, result, turn, user

pytestmark = pytest.mark.anyio

LOAD: Final = """
import json, sys
from datasets import load_dataset
files = json.loads(sys.argv[1])
loaded = load_dataset("json", data_files=files)
print(json.dumps({part: list(loaded[part]) for part in files}))
"""


def loaded(files: dict[str, Path], cache: Path) -> dict[str, list[Any]]:
    """The rows that the library makes of the files, in a process that can reach nothing."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, json.dumps({part: str(path) for part, path in files.items()})],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(cache), "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows: dict[str, list[Any]] = json.loads(done.stdout)
    return rows


@pytest.mark.parametrize("name", ["openai-chat", "sharegpt"])
async def test_both_parts_of_a_split_load_and_say_what_was_said(store: Store, tmp_path: Path, name: str) -> None:
    """Lines with and without tools, calls with different arguments: each row is what its line is."""
    talks = [turn(user(f"Question {n}"), model(f"Answer {n}"), thread=ObjectId()) for n in range(30)]
    tools = turn(user("Both"), model(call("a.py"), call("b.py")), user(result("1"), result("2")), model("So."))
    await store.put([*talks, turn(*TOOL_USE), tools])
    files = paths_of(tmp_path / "set.jsonl", split=True)
    report = Report()
    await save(FORMATS[name].write(store, ExportOptions(split=0.8), report), files, lambda: None)
    assert report.written.total() == 32
    rows = loaded({str(part): path for part, path in files.items()}, tmp_path / "cache")
    for part, path in files.items():
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        assert len(lines) == report.written[part] > 0
        assert [without_nothing(row) for row in rows[part]] == [without_nothing(line) for line in lines]


def without_nothing(value: Any) -> Any:
    """A row has every column: those that its line does not have are None."""
    match value:
        case dict():
            return {key: without_nothing(item) for key, item in value.items() if item is not None}
        case list():
            return [without_nothing(item) for item in value]
        case _:
            return value
