"""Commands over a store with something in it, as processes and inside of this one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from typer.testing import CliRunner, Result

from gemtap.cli.app import app, main, register
from gemtap.stores.base import Record, Store
from gemtap.stores.opening import open_store

PATIENCE = 60.0
"""Seconds after which a command counts as stuck."""

register()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without gemtap.toml, and an environment without our variables."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    for variable in [name for name in os.environ if name.upper().startswith("GEMTAP_")]:
        monkeypatch.delenv(variable)
    return tmp_path


def with_store(url: str, work: Callable[[Store], Awaitable[Any]]) -> Any:
    """What `work` gives, called with the opened store."""

    async def run() -> Any:
        store = open_store(url)
        await store.open()
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def keep(*records: Record) -> list[str]:
    """Store records where commands look for them by default; their ids."""
    with_store("sqlite:///data/gemtap.db", lambda store: store.put(records))
    return [str(record.document["_id"]) for record in records]


def invoke(*arguments: str) -> Result:
    """A command inside of this process."""
    return CliRunner().invoke(app, arguments)


def shown(*arguments: str) -> str:
    """What a command prints that succeeds."""
    result = invoke(*arguments)
    assert result.exit_code == 0, result.exception
    return result.stdout


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A command as a process."""
    return subprocess.run(
        command(arguments), capture_output=True, env=os.environ | environment, timeout=PATIENCE, check=False
    )


def run_here(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The same inside of this process, with everything but its start: for commands of which many are run."""
    with (
        patch.dict(os.environ, environment),
        patch.object(sys, "argv", ["gemtap", *arguments]),
        redirect_stdout(TextIOWrapper(BytesIO(), "utf-8")) as stdout,
        redirect_stderr(TextIOWrapper(BytesIO(), "utf-8")) as stderr,
    ):
        try:
            main()
            status = 0
        except SystemExit as exc:
            status = int(exc.code or 0)
        stdout.flush()
        stderr.flush()
    return subprocess.CompletedProcess(arguments, status, stdout.buffer.getvalue(), stderr.buffer.getvalue())


def command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "gemtap", *arguments]
