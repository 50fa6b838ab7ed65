"""`gemtap run`: a command that knows nothing of Gemtap, its exit status, its terminal, and what is left behind."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gemtap.access.key_file import KeyFile
from gemtap.access.keys import add
from tests.e2e.running_gemtap import PATIENCE, RunningGemtap, SimulatedApi, eventually, is_free
from tests.ports import free_port

RUN = (sys.executable, "-m", "gemtap", "run")

ASK = """
import json, sys, urllib.request
url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
body = json.dumps({"contents": [{"parts": [{"text": "hello"}]}]}).encode()
request = urllib.request.Request(url, body, {"content-type": "application/json", "x-goog-api-key": "canary"})
print(len(json.load(urllib.request.urlopen(request))["candidates"]))
"""
"""A program with the real host's name, on the standard library."""


@pytest.fixture(scope="module")
def api() -> Iterator[SimulatedApi]:
    api = SimulatedApi()
    yield api
    api.stop()


@pytest.fixture(scope="module")
def gemtap(api: SimulatedApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGemtap]:
    gemtap = RunningGemtap(tmp_path_factory.mktemp("run"), api.origin)
    yield gemtap
    gemtap.close()


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def environment(gemtap: RunningGemtap, temporary: Path) -> dict[str, str]:
    known = {name: value for name, value in os.environ.items() if name not in ("JAVA_HOME", "HTTPS_PROXY")}
    # The JVM, which may be installed, makes each start slower.
    return {**known, **gemtap.environment, "TMPDIR": str(temporary), "PATH": "/usr/bin:/bin"}


def run(
    gemtap: RunningGemtap, temporary: Path, *words: str, stdin: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*RUN, *words],
        env={**environment(gemtap, temporary), **more},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        check=False,
    )
    assert os.listdir(temporary) == []
    return done


def test_requests_of_a_program_are_recorded(gemtap: RunningGemtap, temporary: Path) -> None:
    """The program's own output is untouched, and one line on stderr says what was recorded, with a link."""
    done = run(gemtap, temporary, "--", sys.executable, "-c", ASK)
    assert (done.returncode, done.stdout) == (0, "1\n")
    link = re.fullmatch(r"gemtap: 1 request, \d+ tokens, \$\S+: (http://localhost:\d+/\?q=since\S+)\n", done.stderr)
    assert link is not None, done.stderr
    (document,) = gemtap.newest(1)
    assert (document["provider"], document["operation"]) == ("gemini", "generateContent")
    assert document["request"]["via"] == "proxy"


def test_the_link_shows_requests_that_are_no_conversation(gemtap: RunningGemtap, temporary: Path) -> None:
    """A list of models is in no thread, so the link leads to the list of interactions."""
    list_models = (
        "import urllib.request; "
        "urllib.request.urlopen('https://generativelanguage.googleapis.com/v1beta/models?key=canary').read()"
    )
    done = run(gemtap, temporary, "--", sys.executable, "-c", list_models)
    assert re.fullmatch(r"gemtap: 1 request, .*: http://localhost:\d+/interactions\?q=since\S+\n", done.stderr), done


@pytest.mark.parametrize(("script", "status"), [("exit 3", 3), ("kill -TERM $$", 143)])
def test_the_exit_status_is_the_commands(gemtap: RunningGemtap, temporary: Path, script: str, status: int) -> None:
    """As a shell reports it, also for signals."""
    assert run(gemtap, temporary, "--quiet", "--", "sh", "-c", script).returncode == status


def test_a_command_that_cannot_be_run(gemtap: RunningGemtap, temporary: Path, tmp_path: Path) -> None:
    """127 if it does not exist, 126 if it is none, and a line that says so."""
    missing = run(gemtap, temporary, "--", "no-such-command")
    assert (missing.returncode, missing.stderr) == (127, "gemtap: there is no command no-such-command\n")
    (tmp_path / "text").write_text("no program")
    assert run(gemtap, temporary, "--", str(tmp_path / "text")).returncode == 126


def test_options_of_the_command_are_its_own(gemtap: RunningGemtap, temporary: Path) -> None:
    """What follows the command is not Gemtap's, with and without two dashes before it."""
    done = run(gemtap, temporary, "--quiet", "printf", "%s|", "--quiet", "-h", "--", "x")
    assert done.stdout == "--quiet|-h|--|x|"


def test_alone_it_opens_a_shell(gemtap: RunningGemtap, temporary: Path) -> None:
    """The user's shell, which reads what is typed. Variables of the user's are kept: NO_PROXY is only extended."""
    given = {"NO_PROXY": "corp.example", "no_proxy": "", "OPENAI_BASE_URL": "http://own", "SHELL": "/bin/sh"}
    script = 'echo "$HTTPS_PROXY $NO_PROXY $OPENAI_BASE_URL $GOOGLE_GEMINI_BASE_URL"; exit 5\n'
    done = run(gemtap, temporary, "--quiet", stdin=script, **given)
    origin = f"http://localhost:{gemtap.port}"
    assert done.stdout == f"{origin} corp.example,localhost,127.0.0.1,::1 http://own {origin}\n"
    assert done.returncode == 5


def test_the_bundle_has_the_systems_authorities(gemtap: RunningGemtap, temporary: Path) -> None:
    """What was trusted before still is, and the authority besides. Base URLs can be left out."""
    show = (
        "import os, ssl; found = ssl.create_default_context().get_ca_certs(); "
        "print(len(found), sum('Gemtap' in str(each) for each in found), 'OPENAI_BASE_URL' in os.environ)"
    )
    before = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout
    done = run(gemtap, temporary, "--quiet", "--no-base-urls", "--", sys.executable, "-c", show, OPENAI_BASE_URL="")
    assert int(before.split()[0]) > 1
    assert done.stdout.split()[:2] == [str(int(before.split()[0]) + 1), "1"]


def test_it_may_be_nested(gemtap: RunningGemtap, temporary: Path) -> None:
    """The inner one leads to the same Gemtap."""
    done = run(gemtap, temporary, "--quiet", "--", *RUN, "--quiet", "--", sys.executable, "-c", ASK)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_passed_on(gemtap: RunningGemtap, temporary: Path, number: signal.Signals) -> None:
    """The command gets the signal, and decides what it does."""
    script = (
        f"import signal, time\nsignal.signal({number}, lambda *_: exit(9))\nprint('ready', flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen(
        [*RUN, "--quiet", "--", sys.executable, "-c", script],
        env=environment(gemtap, temporary),
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.wait(PATIENCE) == 9
    assert os.listdir(temporary) == []


def test_the_terminal_is_the_commands(gemtap: RunningGemtap, temporary: Path) -> None:
    """A command in a terminal sees one, and Ctrl-C reaches it once."""
    script = (
        "import os, signal, sys, time\nhad = []\nsignal.signal(signal.SIGINT, lambda *_: had.append(1))\n"
        "print('tty', sys.stdin.isatty(), flush=True)\n"
        "while not had: time.sleep(0.01)\n"
        "time.sleep(0.3)\nprint('had', len(had), flush=True)"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [*RUN, "--quiet", "--", sys.executable, "-c", script], environment(gemtap, temporary))
    seen = b""
    while b"tty True" not in seen:
        seen += os.read(terminal, 1024)
    os.write(terminal, b"\x03")
    while not re.search(rb"had \d+\r\n", seen):
        seen += os.read(terminal, 1024)
    assert b"had 1\r\n" in seen
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(terminal)


def own_settings(data_dir: Path, api: SimulatedApi) -> dict[str, str]:
    return {
        "GEMTAP_DATA_DIR": str(data_dir),
        "GEMTAP_PORT": str(free_port()),
        "GEMTAP_DASHBOARD_PORT": str(free_port()),
        "GEMTAP_PROVIDERS__GEMINI__UPSTREAM": api.origin,
    }


def test_without_a_gemtap_one_is_started(
    gemtap: RunningGemtap, api: SimulatedApi, temporary: Path, tmp_path: Path
) -> None:
    """It records, and is gone afterwards: no process, no port, and no file but the recordings."""
    own = own_settings(tmp_path / "data", api)
    done = run(gemtap, temporary, "--", sys.executable, "-c", ASK, **own)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    assert "1 request" in done.stderr
    assert f"--data-dir {tmp_path / 'data'}" in done.stderr
    assert is_free(int(own["GEMTAP_PORT"]))
    assert (tmp_path / "data" / "gemtap.db").exists()


def test_a_gemtap_that_was_started_stays_for_the_others(
    gemtap: RunningGemtap, api: SimulatedApi, temporary: Path, tmp_path: Path
) -> None:
    """A second command uses the first one's Gemtap, which outlives the first, even one that is killed."""
    own = own_settings(tmp_path / "data", api)
    known = {**environment(gemtap, temporary), **own, "TMPDIR": tempfile.mkdtemp(dir=tmp_path)}

    def start(words: Sequence[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*RUN, "--quiet", "--", *words], env=known, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    wait_and_ask = [sys.executable, "-c", f"print('ready', flush=True)\ninput()\n{ASK}"]
    with start(wait_and_ask) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "ready\n"
        with start(wait_and_ask) as second:
            assert second.stdout is not None
            assert second.stdout.readline() == "ready\n"
            first.kill()
            first.wait(PATIENCE)
            assert second.communicate("\n", PATIENCE)[0] == "1\n"
            assert second.returncode == 0
    eventually(lambda: is_free(int(own["GEMTAP_PORT"])) or None)


def test_a_gemtap_that_stops_meanwhile(
    gemtap: RunningGemtap, api: SimulatedApi, temporary: Path, tmp_path: Path
) -> None:
    """The command goes on without it, and its exit status is its own."""
    other = RunningGemtap(tmp_path, api.origin)
    try:
        stop = f"import os, signal\nos.kill({other.process.pid}, signal.SIGTERM)\ninput()\nexit(4)"
        with subprocess.Popen(
            [*RUN, "--", sys.executable, "-c", stop],
            env={**environment(gemtap, temporary), **other.environment},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            other.process.wait(PATIENCE)
            _, errors = process.communicate("\n", PATIENCE)
        assert process.returncode == 4
        assert "does not say what was recorded" in errors
    finally:
        other.close()


@pytest.fixture
def key(gemtap: RunningGemtap, temporary: Path) -> Iterator[str]:
    """The access key of a user, without which the Gemtap takes nobody."""
    now = datetime.now(UTC)
    keys = KeyFile(gemtap.data_dir)
    before = keys.read()
    key = keys.change(lambda given: add(given, "ana", "member", now + timedelta(days=1), now))
    # The proxy looks every now and then whether keys have changed.
    eventually(lambda: run(gemtap, temporary, "--quiet", "--", "true").returncode or None)
    yield key
    keys.write(before)
    eventually(lambda: run(gemtap, temporary, "--quiet", "--", "true").returncode == 0 or None)


def test_where_access_keys_are_needed(gemtap: RunningGemtap, temporary: Path, key: str) -> None:
    """Without a key, or with a wrong one, the command is not run. With the user's, it is recorded as the user's."""
    none = run(gemtap, temporary, "--", "echo", "ran")
    assert (none.returncode, none.stdout) == (1, "")
    assert "GEMTAP_ACCESS_KEY" in none.stderr
    assert "gemtap keys add" in none.stderr
    for wrong in ("gt_" + "x" * 43, "canary"):
        refused = run(gemtap, temporary, "--access-key", wrong, "--", "echo", "ran")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert wrong not in refused.stderr
    done = run(gemtap, temporary, "--", sys.executable, "-c", ASK, GEMTAP_ACCESS_KEY=key)
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr.startswith("gemtap: 1 request,")
    shown = 'echo "$HTTPS_PROXY,$GOOGLE_GEMINI_BASE_URL"'
    variables = run(gemtap, temporary, "--quiet", "--access-key", key, "--", "sh", "-c", shown).stdout
    assert variables == f"http://gemtap:{key}@localhost:{gemtap.port},\n"


def test_the_terminal_asks_for_an_access_key(gemtap: RunningGemtap, temporary: Path, key: str) -> None:
    """What is typed is not shown."""
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover
        os.execvpe(RUN[0], [*RUN, "--quiet", "--", "echo", "ran"], environment(gemtap, temporary))
    shown = b""
    try:
        while b"Access key" not in shown:
            shown += os.read(terminal, 1024)
        # What is typed before the terminal stops showing it is thrown away.
        eventually(lambda: None if termios.tcgetattr(terminal)[3] & termios.ECHO else True)
        os.write(terminal, key.encode() + b"\n")
        try:
            while data := os.read(terminal, 1024):
                shown += data
        except OSError:
            pass  # a closed terminal
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
    assert b"ran" in shown
    assert key.encode() not in shown


class TlsGemtap(RunningGemtap):
    """A Gemtap whose port speaks TLS."""

    def _answers(self, port: int, path: str) -> bool | None:
        return super()._answers(port, path) if port != self.port else not is_free(port) or None


def test_a_port_with_tls(api: SimulatedApi, temporary: Path, tmp_path: Path) -> None:
    """The proxy's URL says so, and the certificates of the command have the port's authority."""
    gemtap = TlsGemtap(tmp_path, api.origin, "--tls", "auto")
    try:
        ask = (
            "import httpx, os, ssl\n"
            "trusted = ssl.create_default_context(cafile=os.environ['SSL_CERT_FILE'])\n"
            "proxy = httpx.Proxy(os.environ['HTTPS_PROXY'], ssl_context=trusted)\n"
            "url = 'https://generativelanguage.googleapis.com/v1beta/models'\n"
            "with httpx.Client(proxy=proxy, verify=trusted, timeout=60) as client:\n"
            "    print(client.get(url, headers={'x-goog-api-key': 'canary'}).status_code)"
        )
        done = run(gemtap, temporary, "--", sys.executable, "-c", ask)
        assert (done.returncode, done.stdout) == (0, "200\n"), done.stderr
        assert gemtap.newest(1)[0]["request"]["via"] == "proxy"
    finally:
        gemtap.close()


def test_a_temporary_gemtap_speaks_no_tls(gemtap: RunningGemtap, temporary: Path, tmp_path: Path) -> None:
    """Whatever the settings say of the one that runs for good: few clients know proxies that speak TLS."""
    done = run(
        gemtap,
        temporary,
        *("--data-dir", str(tmp_path / "data"), "--", sys.executable, "-c", ASK),
        GEMTAP_TLS="auto",
    )
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
