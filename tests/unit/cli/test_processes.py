"""Commands, most of them as processes: exit status, one line on standard error, and what a pipe gets."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gemtap.providers.registry import INSTALLED
from tests.ports import free_port
from tests.records import make_record
from tests.unit.cli.conftest import PATIENCE, command, keep, run, run_here

NOBODY = "0123456789abcdef01234567"
BINARY = bytes(range(256)) * 1000
SKY = "Warum ist der Himmel blau? 日本"


def assert_one_line(stderr: bytes) -> None:
    text = stderr.decode()
    assert text.startswith("gemtap: ")
    assert text.endswith(".\n")
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["ls"], 1),
        (["ls", "--store", "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=200"], 1),
        (["ls", "--since", "fortnight"], 2),
        (["ls", "--store", "nowhere"], 2),
        (["ls", "--config", "absent.toml"], 2),
        (["show", "zzz"], 1),
        (["check", "--redact"], 2),
        (["rate", "last", "fine"], 2),
        (["health"], 1),
        (["show", NOBODY], 1),
        (["show", NOBODY, "--json", "--raw", "request"], 2),
        (["serve", "--tls-cert", "chain.pem"], 2),
        (["serve", "--upstream", "gemini"], 2),
        (["serve", "--upstream", "nobody=https://x.example"], 2),
        (["serve", "--host", "0.0.0.0"], 1),
    ],
)
def test_a_command_that_cannot_be_done_says_why_in_one_line(arguments: list[str], status: int) -> None:
    """A failed command prints one line, with status 1."""
    done = run(*arguments)
    assert done.returncode == status
    assert done.stdout == b""
    assert_one_line(done.stderr)
    assert b"Errno" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["setpu"], "No such command 'setpu'. Did you mean 'setup'? See `gemtap --help`."),
        (["ls", "--bogus"], "No such option: --bogus. See `gemtap ls --help`."),
        (["ls", "--limit"], "Option '--limit' requires an argument."),
        (["ls", "--limit", "many"], "Bad flag --limit: 'many' is not a whole number. See `gemtap ls --help`."),
        (["tail", "-n", "501"], "Bad flag --lines: '501' is more than 500. See `gemtap tail --help`."),
        (["show"], "Missing argument 'ID'. See `gemtap show --help`."),
        (
            ["show", "last", "--raw", "requests"],
            "Bad flag --raw: 'requests' is not one of request, response. Did you mean request? "
            "See `gemtap show --help`.",
        ),
        (
            ["threads", "--sort", "price"],
            "Bad flag --sort: 'price' is not one of latest, turns, tokens, cost. See `gemtap threads --help`.",
        ),
        (
            ["stats", "--bucket", "weeks"],
            "Bad flag --bucket: 'weeks' is not one of minute, hour, day, week, month. Did you mean week? "
            "See `gemtap stats --help`.",
        ),
        (
            ["demo", "--api", "antropic"],
            f"Bad flag --api: 'antropic' is not one of {', '.join(INSTALLED)}. Did you mean anthropic?",
        ),
        (["providers", "add"], "Missing argument 'NAME'. See `gemtap providers add --help`."),
    ],
)
def test_a_command_line_that_is_wrong_is_told_in_one_line_with_what_it_takes(arguments: list[str], says: str) -> None:
    """An invalid command line is an error of one line, which names the values of an option that has few."""
    done = run_here(*arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.decode() == f"gemtap: {says}\n"


def test_certificate_files_that_cannot_be_used_are_named(folder: Path) -> None:
    """Which of the two files is missing, and that both are no certificate, without ssl's words alone."""
    arguments = ("serve", "--tls-cert", "chain.pem", "--tls-key", "key.pem", "--port", str(free_port()))
    (folder / "chain.pem").write_text("nonsense")
    done = run(*arguments, GEMTAP_DASHBOARD_PORT=str(free_port()))
    assert done.returncode == 1
    assert done.stderr.startswith(b"gemtap: The TLS certificate cannot be used: key.pem: No such file or directory.")
    (folder / "key.pem").write_text("nonsense")
    done = run(*arguments, GEMTAP_DASHBOARD_PORT=str(free_port()))
    assert done.returncode == 1
    assert done.stderr.startswith(b"gemtap: chain.pem and key.pem are not a certificate chain and its private key")
    assert_one_line(done.stderr)


def test_a_group_without_a_command_prints_its_help() -> None:
    """`gemtap limits` alone prints the help, with the status of an invalid command line, and no error."""
    done = run("limits")
    assert done.returncode == 2
    assert b"Usage: gemtap limits" in done.stdout
    assert done.stderr == b""


@pytest.mark.parametrize("variable", ["GEMTAP_PORT", "GEMTAP_PROT"])
def test_a_bad_variable_is_told_by_every_command_in_one_line(variable: str) -> None:
    """Every command reports an invalid variable in one line."""
    for arguments in (["ls"], ["show", NOBODY], ["health"], ["doctor"], ["setup"], ["tail"], ["serve"]):
        done = run_here(*arguments, **{variable: "abc"})
        assert done.returncode == 2
        assert_one_line(done.stderr)
        assert variable in done.stderr.decode()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("gemtap doc", {"doctor"}),
        ("gemtap setup javascript", {"javascript", "javascript-old"}),
        ("gemtap nonse", set()),
        ("gemtap ls --outcome up", {"upstream_unreachable", "upstream_timeout", "upstream_disconnected"}),
        ("gemtap ls --sort o", {"oldest", "output"}),
        ("gemtap rate last ", {"good", "bad", "none"}),
        ("gemtap limits unset all --measure c", {"concurrent", "cost"}),
        ("gemtap limits unset all --per m", {"minute", "month"}),
        ("gemtap keys add ana --role a", {"admin"}),
        ("gemtap providers add g", {"groq"}),
        ("gemtap providers add lab --dialect ol", {"ollama"}),
    ],
)
def test_the_shell_completes_commands_and_clients(typed: str, offered: set[str]) -> None:
    """What the script of `gemtap --install-completion` asks for each time."""
    program = Path(sys.executable).with_name("gemtap")
    asked = {"_GEMTAP_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    done = subprocess.run([program], capture_output=True, env=os.environ | asked, timeout=PATIENCE, check=False)
    assert set(done.stdout.decode().split()) == offered


def test_the_exact_bytes_are_printed_and_nothing_else() -> None:
    """`show --raw` prints the exact bytes."""
    (id_,) = keep(make_record(request_raw=b"", response_raw=BINARY))
    assert run("show", id_, "--raw", "response").stdout == BINARY
    assert run("show", id_, "--raw", "request").stdout == b""


def test_the_reader_of_a_pipe_may_leave_after_the_first_line() -> None:
    """As `| head -1` does."""
    ids = keep(*(make_record(note="x" * 3000) for _ in range(100)))
    for arguments in (["ls", "--json", "-n", "100"], ["ls", "-n", "100"], ["show", ids[0]]):
        with subprocess.Popen(command(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.read(1)
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(PATIENCE) == 0


@contextmanager
def closed_pipe() -> Iterator[int]:
    """The writing end of a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


def test_a_reader_that_has_left_before_is_no_error_either() -> None:
    """A closed pipe is no error."""
    (id_,) = keep(make_record())
    for arguments in (
        ["ls", "--json"],
        ["ls"],
        ["show", id_],
        ["show", id_, "--json"],
        ["show", id_, "--raw", "request"],
    ):
        with closed_pipe() as nobody:
            done = subprocess.run(
                command(arguments), stdout=nobody, stderr=subprocess.PIPE, timeout=PATIENCE, check=False
            )
        assert (done.returncode, done.stderr) == (0, b""), arguments


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_locale_that_cannot_write_everything_writes_what_it_can(encoding: str) -> None:
    """JSON is UTF-8 all the same."""
    (id_,) = keep(make_record(preview={"prompt": SKY, "answer": None}, note=SKY))
    for arguments in (["ls"], ["show", id_]):
        done = run(*arguments, PYTHONIOENCODING=encoding)
        assert done.returncode == 0, done.stderr
        assert b"Himmel blau? ??" in done.stdout
    done = run("ls", "--json", PYTHONIOENCODING=encoding)
    assert json.loads(done.stdout.decode("utf-8"))["items"][0]["preview"]["prompt"].endswith("日本")


def test_health_against_nothing_says_what_does_not_answer() -> None:
    """`health` names the process that does not answer."""
    done = run("health", GEMTAP_PORT=str(free_port()))
    assert done.returncode == 1
    assert_one_line(done.stderr)
    assert b"proxy does not answer" in done.stderr


def test_health_against_something_else_says_so() -> None:
    """`health` notices another program on the port."""
    with (
        socket.create_server(("127.0.0.1", 0)) as stranger,
        subprocess.Popen(
            command(["health"]),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"GEMTAP_PORT": str(stranger.getsockname()[1])},
        ) as process,
    ):
        connection, _ = stranger.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
        assert process.wait(PATIENCE) == 1
        assert process.stderr is not None
        assert_one_line(process.stderr.read())


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--version"], {"fastapi", "pymongo", "uvicorn", "aiohttp", "sqlite3"}),
        (["health"], {"fastapi", "pymongo", "uvicorn", "aiohttp", "sqlite3"}),
        (["setup", "curl"], {"fastapi", "pymongo", "uvicorn", "aiohttp", "sqlite3"}),
    ],
)
def test_a_small_command_imports_no_large_library(folder: Path, arguments: list[str], unwanted: set[str]) -> None:
    """Container engines call `health` every few seconds."""
    script = (
        "import atexit, sys; sys.argv = ['gemtap', *sys.argv[1:]]\n"
        "atexit.register(lambda: open('modules', 'w').write(' '.join(sys.modules)))\n"
        "from gemtap.cli import main; main()"
    )
    environment = os.environ | {"GEMTAP_PORT": str(free_port())}
    subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, env=environment, timeout=PATIENCE, check=False
    )
    loaded = set((folder / "modules").read_text().split())
    assert "gemtap.cli.app" in loaded
    assert not loaded & unwanted
