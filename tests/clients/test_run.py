"""`gemtap run` with programs that know nothing of Gemtap: they name the real hosts, and are recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.clients.running_client import HERE, MODULES, PATIENCE, js_client, python_client
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi, eventually

pytestmark = pytest.mark.clients

GEMINI, OPENAI, ANTHROPIC = (
    "https://generativelanguage.googleapis.com",
    "https://api.openai.com",
    "https://api.anthropic.com",
)
URL = f"{GEMINI}/v1beta/models/gemini-2.5-flash:generateContent"
STREAM = f"{GEMINI}/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
BODY = '{"contents":[{"parts":[{"text":"hello"}]}]}'
JSON = ("-H", "content-type: application/json", "-H", "x-goog-api-key: canary")


def http(library: str) -> list[str]:
    return [sys.executable, str(HERE / "python" / "ask_over_http.py"), library]


@dataclass(frozen=True)
class Program:
    """One program, and what it leaves in the record."""

    name: str
    command: Callable[[], list[str]]
    operations: tuple[str, ...]
    provider: str = "gemini"
    environment: Mapping[str, str] = field(default_factory=dict)
    via: str | None = "proxy"
    """None for a program that ignores proxies and takes a base URL from a variable."""
    http_version: str = "1.1"


PROGRAMS = [
    Program("curl", lambda: ["curl", "-sS", "--fail", URL, *JSON, "-d", BODY], ("generateContent",), http_version="2"),
    Program(
        "curl-stream",
        lambda: ["curl", "-sSN", "--fail", STREAM, *JSON, "-d", BODY],
        ("streamGenerateContent",),
        http_version="2",
    ),
    Program(
        "curl-http1.1",
        lambda: ["curl", "-sS", "--fail", "--http1.1", URL, *JSON, "-d", BODY],
        ("generateContent",),
    ),
    Program("urllib", lambda: [*http("urllib"), URL], ("generateContent",)),
    Program("requests", lambda: [*http("requests"), URL], ("generateContent",)),
    Program("httpx", lambda: [*http("httpx"), STREAM], ("streamGenerateContent",)),
    Program("httpx-http2", lambda: [*http("httpx_http2"), STREAM], ("streamGenerateContent",), http_version="2"),
    Program("aiohttp", lambda: [*http("aiohttp"), STREAM], ("streamGenerateContent",)),
    Program(
        "google-genai-python",
        lambda: [*python_client("google-genai-2", "use_google_genai.py"), GEMINI, "generate", "stream"],
        ("generateContent", "streamGenerateContent"),
    ),
    Program(
        "google-genai-python-live",
        lambda: [*python_client("google-genai-2", "use_google_genai.py"), GEMINI, "live"],
        ("bidiGenerateContent",),
    ),
    Program(
        "openai-python",
        lambda: [*python_client("openai", "use_openai_api.py"), f"{OPENAI}/v1", "chat", "chat_stream"],
        ("openai.chat.completions",) * 2,
        "openai",
    ),
    Program(
        "anthropic-python",
        lambda: [*python_client("anthropic", "use_anthropic.py"), ANTHROPIC, "generate", "stream"],
        ("messages.create",) * 2,
        "anthropic",
    ),
    Program("node-http2", lambda: [*js_client("ask_over_http2.mjs"), URL], ("generateContent",), http_version="2"),
    Program("undici", lambda: [*js_client("ask_over_http.mjs"), URL], ("generateContent",)),
    Program(
        "google-genai-js", lambda: js_client("ask_with_sdk.mjs", "genai", "genai-3"), ("generateContent",), via=None
    ),
    Program(
        "openai-js",
        lambda: js_client("ask_with_sdk.mjs", "openai", "openai-6"),
        ("openai.chat.completions",),
        "openai",
        via=None,
    ),
    Program(
        "anthropic-js",
        lambda: js_client("ask_with_sdk.mjs", "anthropic", "anthropic-1"),
        ("messages.create",),
        "anthropic",
        via=None,
    ),
]


@pytest.fixture
def tapped(api: SimulatedApi, tmp_path: Path) -> Iterator[RunningGemtap]:
    """Gemtap, whose upstreams stand for the real hosts."""
    others = [f"--upstream={name}={api.origin}" for name in ("vertex", "code_assist", "openai", "anthropic")]
    gemtap = RunningGemtap(tmp_path, api.origin, *others)
    yield gemtap
    gemtap.close()


def run(gemtap: RunningGemtap, folder: Path, command: list[str], environment: Mapping[str, str], *options: str) -> str:
    """What a program prints under `gemtap run`."""
    home, temporary = folder / "home", folder / "temporary"
    for each in (home, temporary):
        each.mkdir(exist_ok=True)
    known = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "PYTHONWARNINGS": "ignore",
        # Nothing but this machine can be reached, whatever a program does besides.
        "GOPROXY": "off",
        **gemtap.environment,
        **environment,
    }
    done = subprocess.run(
        [sys.executable, "-m", "gemtap", "run", *options, "--", *command],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=home,
        env=known,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    assert "gemtap: " in done.stderr
    assert list(temporary.glob("gemtap-run-*")) == []
    return done.stdout


def check(gemtap: RunningGemtap, program: Program) -> None:
    """Wait for the record, and compare it with what the program should have left."""

    def found() -> list[str] | None:
        items = gemtap.api("interactions?limit=100")["items"]
        operations = [each["operation"] for each in items]
        return (
            items
            if all(operations.count(each) >= program.operations.count(each) for each in operations)
            and len([each for each in operations if each in program.operations]) >= len(program.operations)
            else None
        )

    for item in eventually(found):
        document = gemtap.interaction(item["id"])  # type: ignore[index]
        if document["operation"] in program.operations:
            assert document["provider"] == program.provider
            assert document["outcome"] in ("complete", "client_disconnected")
            assert document["request"].get("via") == program.via
            assert document["request"]["http_version"] == program.http_version
            assert "canary" not in json.dumps(document).lower()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_programs_are_recorded(tapped: RunningGemtap, tmp_path: Path, program: Program) -> None:
    """Each by the proxy if it knows proxies, else by the variable of its base URL."""
    options = ["--no-base-urls"] if program.via else []
    assert run(tapped, tmp_path, program.command(), program.environment, *options).strip()
    check(tapped, program)


def test_java(tapped: RunningGemtap, tmp_path: Path) -> None:
    """Java's HttpClient takes the proxy and the trust store from the variable."""
    command = ["java", str(HERE / "java" / "Ask.java"), URL]
    assert "candidates" in run(tapped, tmp_path, command, {}, "--no-base-urls")
    check(tapped, Program("java", lambda: command, ("generateContent",), http_version="2"))


def test_go(tapped: RunningGemtap, tmp_path: Path) -> None:
    """Go's net/http."""
    command = ["go", "run", str(HERE / "go" / "ask.go"), URL]
    assert "candidates" in run(tapped, tmp_path, command, {"GOFLAGS": "-mod=mod"}, "--no-base-urls")
    check(tapped, Program("go", lambda: command, ("generateContent",), http_version="2"))


def test_gemini_cli_with_a_google_login(tapped: RunningGemtap, tmp_path: Path) -> None:
    """Its endpoint is Code Assist's own, which has no base URL here."""
    settings = tmp_path / "home" / ".gemini" / "settings.json"
    settings.parent.mkdir(parents=True)
    auth = {"security": {"auth": {"selectedType": "oauth-personal"}}, "privacy": {"usageStatisticsEnabled": False}}
    settings.write_text(json.dumps(auth))
    cli = MODULES / "@google" / "gemini-cli" / "bundle" / "gemini.js"
    command = ["node", str(cli), "--prompt", "Why is the sky blue?", "--model", "gemini-2.5-flash"]
    environment = {
        "GEMINI_CLI_TRUST_WORKSPACE": "true",
        "GOOGLE_GENAI_USE_GCA": "true",
        "GOOGLE_CLOUD_ACCESS_TOKEN": "ya29.canary",
    }
    run(tapped, tmp_path, command, environment, "--no-base-urls")
    check(tapped, Program("gemini-cli", lambda: command, ("streamGenerateContent",), "code_assist"))


def test_claude_code(tapped: RunningGemtap, tmp_path: Path) -> None:
    """Claude Code at Anthropic's own host."""
    command = ["node", str(MODULES / "@anthropic-ai" / "claude-code" / "cli-wrapper.cjs"), "--print", "hello"]
    environment = {
        "ANTHROPIC_API_KEY": "sk-ant-canary",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    run(tapped, tmp_path, command, environment, "--no-base-urls")
    check(tapped, Program("claude", lambda: command, ("messages.create",), "anthropic"))


def test_opencode(tapped: RunningGemtap, tmp_path: Path) -> None:
    """A program of Bun's, whose fetch takes the proxy and the certificate from the variables."""
    command = [str(MODULES / "opencode-linux-x64" / "bin" / "opencode"), "run", "--model", "openai/gpt-5", "hello"]
    environment = {
        "OPENAI_API_KEY": "sk-canary",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
    }
    run(tapped, tmp_path, command, environment, "--no-base-urls")
    check(tapped, Program("opencode", lambda: command, ("openai.responses",), "openai"))


def test_chromium(tapped: RunningGemtap, tmp_path: Path) -> None:
    """The network stack of Chromium, which VS Code and other desktop apps have: the proxy as a setting, the authority
    trusted in its database while it is needed."""
    database = tmp_path / "home" / ".pki" / "nssdb"
    database.mkdir(parents=True)
    subprocess.run(["certutil", "-d", f"sql:{database}", "-N", "--empty-password"], check=True)
    known = {**os.environ, **tapped.environment, "HOME": str(tmp_path / "home")}

    def gemtap(*words: str) -> None:
        subprocess.run([sys.executable, "-m", "gemtap", *words], env=known, check=True, timeout=PATIENCE)

    def page() -> str:
        url = f"{GEMINI}/v1beta/models?key=canary"
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--proxy-server={tapped.origin}", "--dump-dom"]
        return subprocess.run(
            ["chromium", *options, url], env=known, capture_output=True, text=True, check=True, timeout=PATIENCE
        ).stdout

    assert "models/gemini" not in page()
    gemtap("ca", "trust", "--store", "browsers")
    assert "models/gemini" in page()
    gemtap("ca", "untrust")
    listed = subprocess.run(["certutil", "-d", f"sql:{database}", "-L"], capture_output=True, text=True, check=True)
    assert "Gemtap" not in listed.stdout
    check(tapped, Program("chromium", list, ("models.list",), http_version="2"))
