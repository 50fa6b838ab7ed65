"""`gemtap run`: a command whose requests to the providers are recorded, without a word to it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, Final, NoReturn

import typer

from gemtap.access.keys import VARIABLE
from gemtap.cli.app import Config, DataDir, app, settings_of

_NOT_EXECUTABLE, _NOT_FOUND, _BY_SIGNAL = 126, 127, 128

_FORWARDED: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that programs send to one process. The terminal sends its own to the command, too."""

_FROM_THE_TERMINAL: Final = (signal.SIGINT, signal.SIGQUIT)


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def run(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="Put `--` before it. Default: your shell.", show_default=False),
    ] = None,
    *,
    base_urls: Annotated[
        bool, typer.Option(help="Set variables of base URLs too, for clients that ignore proxies.")
    ] = True,
    access_key: Annotated[
        str | None,
        typer.Option(envvar=VARIABLE, help="Your access key, if the Gemtap that runs takes only clients with one."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no summary at the end.")] = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Run a command and record its requests to the providers.

    Example: gemtap run -- claude

    Example: gemtap run -- code --wait .

    Example: gemtap run

    Variables in the command's environment route its HTTPS requests through Gemtap: docs/interception.md. If Gemtap
    does not run, it is started for the time of the command. The exit status is the command's; 128 and more for a
    signal, 127 if there is no such command. A summary goes to stderr at the end.

    Where access keys are needed, the command uses yours: by --access-key, its variable, or as you type it.
    """
    from gemtap.cli.run_session import session

    words = command or [os.environ.get("SHELL") or "/bin/sh"]
    program = shutil.which(words[0])
    if program is None:
        is_file = os.sep in words[0] and Path(words[0]).exists()
        _end(f"{words[0]} cannot be run" if is_file else f"there is no command {words[0]}", is_file=is_file)
    settings = settings_of({"data_dir": data_dir}, config).settings
    with (
        tempfile.TemporaryDirectory(prefix="gemtap-run-") as folder,
        session(settings, Path(folder), base_urls=base_urls, access_key=access_key) as opened,
    ):
        began = datetime.now(UTC)
        try:
            status = _wait_for(words, program, opened.environment)
        except OSError as exc:
            _end(f"{words[0]} cannot be run ({exc.strerror})", is_file=True)
        if not quiet:
            with contextlib.suppress(KeyboardInterrupt):
                print(f"gemtap: {opened.summary(began)}", file=sys.stderr)
    sys.exit(status)


def _end(message: str, *, is_file: bool) -> NoReturn:
    print(f"gemtap: {message}", file=sys.stderr)
    sys.exit(_NOT_EXECUTABLE if is_file else _NOT_FOUND)


def _wait_for(words: Sequence[str], program: str, environment: dict[str, str]) -> int:
    """Run the command in this terminal. Returns its exit status as a shell would. Raises OSError."""
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        if child is None:
            early.append(number)
        elif child.poll() is None:
            child.send_signal(number)

    def leave_to_the_command(number: int, frame: FrameType | None) -> None:
        # In a terminal, the command has had it as well. Without one, somebody has sent it to this process alone.
        if not _has_terminal():
            pass_on(number, frame)

    # Handlers, not SIG_IGN: the command would inherit that.
    before = {number: signal.signal(number, pass_on) for number in _FORWARDED}
    before |= {number: signal.signal(number, leave_to_the_command) for number in _FROM_THE_TERMINAL}
    try:
        child = subprocess.Popen(words, executable=program, env=environment)  # noqa: S603 - what the user wants to run
        for number in early:
            child.send_signal(number)
        status = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return status if status >= 0 else _BY_SIGNAL - status


def _has_terminal() -> bool:
    """Whether this process is in the foreground of a terminal, whose keys send signals to it and the command alike."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
