"""`gemtap import`: what it stores, what it says, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

from gemtap.cli.app import Failed
from gemtap.exporters import jsonl
from tests.records import make_record
from tests.unit.cli.conftest import invoke, run, shown
from tests.unit.importers.imported import archive, entry


def test_a_store_is_begun_and_importing_twice_is_importing_once(folder: Path) -> None:
    """Importing creates the store, and a second import adds nothing."""
    Path("all.jsonl").write_bytes(b"".join(jsonl.to_line(make_record()) for _ in range(3)))
    assert shown("import", "all.jsonl") == "3 stored, of 3.\n"
    assert shown("import", "all.jsonl") == "0 stored, 3 were already stored, of 3.\n"
    assert len(json.loads(shown("ls", "--json"))["items"]) == 3
    exported = run("export", "jsonl").stdout
    assert sorted(map(json.loads, exported.splitlines()), key=lambda each: str(each["id"])) == sorted(
        map(json.loads, Path("all.jsonl").read_bytes().splitlines()), key=lambda each: str(each["id"])
    )


def test_several_files_and_what_is_wrong_with_them(folder: Path) -> None:
    """Several files are imported, and faults name their file and line."""
    Path("a.har").write_bytes(archive(entry(), entry("https://news.example/")))
    Path("b.jsonl").write_bytes(jsonl.to_line(make_record()) + b"oops\n")
    result = invoke("import", "a.har", "b.jsonl")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == "a.har: 1 stored, of 2."
    assert lines[1] == "  left out 1: unknown API (--everything imports these too)"
    assert lines[2] == "b.jsonl: 1 stored, of 2."
    assert lines[3].startswith("  line 2: it is not valid JSON")
    told = json.loads(invoke("import", "a.har", "b.jsonl", "--json").stdout)
    assert told["a.har"]["present"] == 1
    assert told["b.jsonl"]["faults"][0]["place"] == "line 2"
    assert json.loads(shown("import", "a.har", "--everything", "--json"))["a.har"]["stored"] == 1


def test_a_file_that_is_not_there(folder: Path) -> None:
    """A missing file is an error."""
    error = invoke("import", "nothing.har").exception
    assert isinstance(error, Failed)
    assert str(error) == "nothing.har cannot be read: No such file or directory."


def test_keys_get_the_fingerprints_of_the_proxy(folder: Path) -> None:
    """They are made with the secret of the data directory, so that usage by key is told across both."""
    from gemtap.tap.credentials import Fingerprints, load_fingerprint_secret

    Path("a.har").write_bytes(archive(entry(headers={"x-goog-api-key": "AIzaSecretSecret"})))
    shown("import", "a.har")
    (item,) = json.loads(shown("ls", "--json"))["items"]
    secret = load_fingerprint_secret(folder / "data" / "fingerprint.key")
    assert item["client"]["key"] == Fingerprints(secret).of(b"AIzaSecretSecret")


def test_what_redact_patterns_name_goes_too(folder: Path) -> None:
    """Imported bodies are redacted as the settings require."""
    Path("a.har").write_bytes(archive(entry(request={"contents": [{"parts": [{"text": "card 4111-1111"}]}]})))
    done = run("import", "a.har", GEMTAP_REDACT_PATTERNS=r"\d{4}-\d{4}")
    assert done.returncode == 0
    assert b"4111" not in run("export", "jsonl").stdout
