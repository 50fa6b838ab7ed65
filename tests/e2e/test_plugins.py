"""Providers from other packages in a real `gemtap serve`: the example of this repository, and faulty ones."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running_gemtap import PATIENCE, RunningGemtap, SimulatedApi
from tests.e2e.test_commands import run
from tests.ports import free_port

EXAMPLE = Path(__file__).parents[2] / "examples" / "gemtap-toy"
CHAT = "/v1/chat/completions"


@dataclass
class Installed:
    """Gemtap with plug-ins, in front of simulated APIs."""

    gemtap: RunningGemtap
    variables: dict[str, str]
    """Environment of other commands."""

    def send(self, path: str, body: Any, **headers: str) -> tuple[int, str, Any]:
        """Status, id and JSON of the response to a request through the proxy."""
        request = urllib.request.Request(
            self.gemtap.origin + path, json.dumps(body).encode(), {"content-type": "application/json", **headers}
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.headers["x-gemtap-id"], json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["x-gemtap-id"], json.loads(error.read())

    def command(self, folder: Path, *arguments: str, status: int = 0, **variables: str) -> str:
        """What a command prints."""
        done = run(folder, *arguments, **self.variables, **variables)
        assert done.returncode == status, done.stderr
        return done.stdout

    def page(self, path: str) -> str:
        """A page of the dashboard."""
        status, body = self.gemtap.get(path)
        assert status == 200, body
        return body.decode()


def serve(folder: Path, plugins: Path, *names: str, simulated: str = "gemini") -> Iterator[Installed]:
    """Gemtap with the packages that are installed in a folder; the named providers have a simulated upstream."""
    path = {"PYTHONPATH": str(plugins)}
    with ExitStack() as stack:
        # One API alone, since several know the path of a chat.
        api = SimulatedApi("--pace", "0", "--provider", simulated, **path)
        stack.callback(api.stop)
        upstreams = {f"GEMTAP_PROVIDERS__{name.upper()}__UPSTREAM": api.origin for name in names}
        gemtap = RunningGemtap(folder, api.origin, **path, **upstreams)
        stack.callback(gemtap.close)
        yield Installed(gemtap, {**path, **upstreams, **gemtap.environment})


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which pip has installed the example."""
    folder = tmp_path_factory.mktemp("plugins")
    command = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", *command, str(EXAMPLE)], check=True, timeout=100)
    return folder


@pytest.fixture(scope="module")
def toy(plugins: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """Gemtap with the example."""
    yield from serve(tmp_path_factory.mktemp("toy"), plugins, "toy", simulated="toy")


@pytest.fixture(scope="module")
def turns(toy: Installed) -> list[Any]:
    """Two recorded turns of one conversation with the toy API."""
    messages: list[Any] = []
    recorded = []
    for number in (1, 2):
        messages.append({"role": "user", "content": f"Question {number} about toys, asked at length."})
        body = {"model": "gpt-4o", "messages": messages}
        status, id_, answer = toy.send(f"/toy{CHAT}", body, authorization="Bearer toy-secret-key")
        assert status == 200
        messages.append(answer["choices"][0]["message"])
        recorded.append(toy.gemtap.interaction(id_))
    return recorded


def test_its_exchanges_are_recorded(turns: list[Any], toy: Installed) -> None:
    """Operation, model, tokens, cost, preview and thread come from the example's folder."""
    first, second = turns
    assert (first["provider"], first["operation"], first["model"]) == ("toy", "openai.chat.completions", "gpt-4o")
    assert (first["thread"]["turn"], second["thread"]["turn"]) == (1, 2)
    assert first["thread"]["id"] == second["thread"]["id"]
    tokens = first["tokens"]
    assert first["cost"]["usd"] == pytest.approx(tokens["input"] / 1e6 * 2.5 + tokens["output"] / 1e6 * 10)
    assert first["preview"]["answer"].startswith("You said: Question 1")
    assert "toy-secret-key" not in json.dumps(first)
    assert sum(second["context"].values()) == second["tokens"]["input"]
    assert toy.gemtap.api("interactions?q=at+length&provider=toy")["items"]


def test_its_conversations_are_exported(turns: list[Any], toy: Installed, tmp_path: Path) -> None:
    """As one line for training."""
    (line,) = toy.command(tmp_path, "export", "openai-chat", "--where", "provider:toy").splitlines()
    assert [each["role"] for each in json.loads(line)["messages"]] == ["user", "assistant"] * 2


def test_its_clients_are_set_up(toy: Installed, tmp_path: Path) -> None:
    """`gemtap setup` and the dashboard print the lines of the example."""
    line = f'base_url="http://localhost:{toy.gemtap.port}/toy/v1"'
    assert line in toy.command(tmp_path, "setup", "toy")
    assert "on the toy API" in toy.page("/setup")


def test_its_requests_are_replayed(turns: list[Any], toy: Installed, tmp_path: Path) -> None:
    """With the key from the variable that the example names."""
    missing = run(tmp_path, "replay", turns[0]["id"], **toy.variables)
    assert missing.returncode == 1
    assert "TOY_API_KEY" in missing.stderr
    new = json.loads(toy.command(tmp_path, "replay", turns[0]["id"], "--json", TOY_API_KEY="another-key"))
    assert (new["provider"], new["replay_of"], new["response"]["status"]) == ("toy", turns[0]["id"], 200)
    assert new["preview"]["answer"] == turns[0]["preview"]["answer"]


def test_its_interactions_are_shown(turns: list[Any], toy: Installed) -> None:
    """On a page with its colour, its conversation and a snippet that has its variable."""
    page = toy.page(f"/interactions/{turns[1]['id']}")
    assert 'class="dot toy"' in page
    assert "You said: Question 2" in page
    assert "Bearer $TOY_API_KEY" in toy.page(f"/interactions/{turns[1]['id']}?tab=request")
    assert ".dot.toy { background: light-dark(#a83279, #f08cc8); }" in toy.page("/providers.css")


def test_it_is_listed_with_its_package(toy: Installed, tmp_path: Path) -> None:
    """`gemtap providers` shows package and version."""
    found = json.loads(toy.command(tmp_path, "providers", "--json"))
    (listed,) = [each for each in found["providers"] if each["name"] == "toy"]
    assert (listed["package"], listed["version"], listed["key"]) == ("gemtap-toy", "1.5", "TOY_API_KEY")
    assert found["faults"] == []


def test_its_agents_work_in_the_demo(plugins: Path, tmp_path: Path) -> None:
    """`gemtap demo --api` needs nothing but the example's folder."""
    ports = ("--port", str(free_port()), "--dashboard-port", str(free_port()))
    done = run(tmp_path, "demo", "--api", "toy", "--sessions", "1", "--exit", *ports, PYTHONPATH=str(plugins))
    assert done.returncode == 0, done.stderr
    assert "You said: Question 3 of session 1." in done.stdout


def test_it_fulfils_the_contract(plugins: Path, tmp_path: Path) -> None:
    """The example's own tests pass where it is installed."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(tmp_path),
            str(EXAMPLE / "tests"),
        ],
        env={"PYTHONPATH": str(plugins), "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


FAULTY = """
import re
from gemtap.providers.provider import Provider
from gemtap.providers.reader import Reader
from gemtap.providers.wire import Route, Wire

class AnyWire(Wire):
    upstream = "https://api.example"
    title = "Faulty"
    def __init__(self, name):
        self.name = self.prefix = name
    def route(self, path):
        return Route(self.name, path)
    def error(self, status, code, message):
        return [(b"content-length", b"2")], b"no"

class Raising(AnyWire):
    def error(self, status, code, message):
        raise RuntimeError("error fails")
    def route(self, path):
        raise RuntimeError("route fails")
    def route_at_root(self, path):
        raise RuntimeError("route_at_root fails")

class Unreadable(Reader):
    def operation(self, method, path):
        raise RuntimeError("operation fails")
    def dialect(self, operation, *, is_session):
        raise RuntimeError("dialect fails")
    def credential(self, path):
        raise RuntimeError("credential fails")

def no_reader():
    import no_such_module

def reader():
    return Unreadable()

OLD = Provider(AnyWire("old"), reader, contract=0)
RAISING = Provider(Raising("raising"), reader)
UNREADABLE = Provider(AnyWire("unreadable"), reader)
UNIMPORTABLE = Provider(AnyWire("unimportable"), no_reader)
"""
FAULTY_POINTS = """[gemtap.providers]
broken = faulty_missing:PROVIDER
old = faulty:OLD
raising = faulty:RAISING
unreadable = faulty:UNREADABLE
unimportable = faulty:UNIMPORTABLE
"""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """Gemtap with a package whose providers all fail, each in another way."""
    folder = tmp_path_factory.mktemp("faulty")
    metadata = folder / "gemtap_faulty-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: gemtap-faulty\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(FAULTY_POINTS)
    (folder / "faulty.py").write_text(FAULTY)
    yield from serve(tmp_path_factory.mktemp("gemtap"), folder, "old", "raising", "unreadable", "unimportable")


GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "Why is the sky blue?"}]}]}


def test_others_work_beside_a_faulty_provider(faulty: Installed) -> None:
    """A request that no other provider's path precedes is asked of every wire face, and reaches its upstream."""
    status, id_, _ = faulty.send(GENERATE, CONTENTS, **{"x-goog-api-key": "any"})
    assert status == 200
    document = faulty.gemtap.interaction(id_)
    assert (document["provider"], document["operation"], document["error"]) == ("gemini", "generateContent", None)
    assert faulty.page(f"/interactions/{id_}")


def test_a_route_that_raises_is_none(faulty: Installed) -> None:
    """The client gets the error of an unknown path, and the log names the package."""
    status, _, error = faulty.send("/raising/v1/x", {})
    assert status == 404
    assert "error" in error
    log = faulty.gemtap.log.read_text()
    # Once by each process that asks it: the proxy, and the desk, which offers providers for replays.
    assert 1 <= log.count("The provider raising of gemtap-faulty failed: RuntimeError") <= 2


@pytest.mark.parametrize("name", ["unreadable", "unimportable"])
def test_an_exchange_that_cannot_be_read_is_recorded(faulty: Installed, name: str) -> None:
    """It is forwarded, its bytes are kept, the document says what failed, and its page can be read."""
    status, id_, answer = faulty.send(f"/{name}{GENERATE}", CONTENTS, **{"x-goog-api-key": "any"})
    assert status == 200
    document = faulty.gemtap.interaction(id_)
    assert (document["provider"], document["operation"]) == (name, "unknown")
    assert "could not parse" in document["error"]["message"]
    assert json.loads(faulty.gemtap.bytes_of(id_, "response")) == answer
    assert "could not parse" in faulty.page(f"/interactions/{id_}")
    assert faulty.page("/setup")


def test_every_fault_is_reported(faulty: Installed, tmp_path: Path) -> None:
    """By `gemtap providers` and `gemtap doctor`, with the package that has to be updated."""
    found = json.loads(faulty.command(tmp_path, "providers", "--json", status=1))
    reasons = {each["name"]: each["reason"] for each in found["faults"]}
    assert reasons.keys() == {"broken", "old", "raising", "unreadable", "unimportable"}
    assert "ModuleNotFoundError" in reasons["broken"]
    assert "version 0 of the interface" in reasons["old"]
    assert "route fails" in reasons["raising"]
    assert "no_such_module" in reasons["unimportable"]
    assert {each["package"] for each in found["faults"]} == {"gemtap-faulty"}
    examined = json.loads(faulty.command(tmp_path, "doctor", "--json", status=1))["findings"]
    assert {each["name"] for each in examined if each["name"].startswith("provider ")} == {
        f"provider {name}" for name in reasons
    }
    assert "The provider old of gemtap-faulty is left out" in faulty.gemtap.log.read_text()
