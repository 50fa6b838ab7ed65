"""The Live API: JavaScript over ws, Python over wss, which it insists on."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gemtap.providers.google.simulated.live import LiveSession
from gemtap.simulation.script import Send
from tests.clients.recorded import Stored, documents, stored, texts
from tests.clients.running_client import see
from tests.clients.sdks import GOOGLE_GENAI, Sdk
from tests.e2e.running_gemtap import PATIENCE, RunningGemtap, SimulatedApi

pytestmark = pytest.mark.clients

JS = [sdk for sdk in GOOGLE_GENAI if sdk.client.endswith("js")]
PYTHON = [sdk for sdk in GOOGLE_GENAI if sdk.client.endswith("python")]
SESSION = Stored("bidiGenerateContent", "gemini-2.5-flash-live", 101)


class GemtapWithTls(RunningGemtap):
    """`gemtap serve --tls auto`."""

    @property
    def authority(self) -> Path:
        return self.data_dir / "tls" / "ca.pem"

    def _answers(self, port: int, path: str) -> bool | None:
        if port != self.port:
            return super()._answers(port, path)
        assert self.process.poll() is None, self.log.read_text()
        if not self.authority.exists():
            return None
        trusting = ssl.create_default_context(cafile=self.authority)
        with urllib.request.urlopen(f"https://localhost:{port}{path}", timeout=PATIENCE, context=trusting) as answer:
            return answer.status == 200 or None


@pytest.fixture
def gemtap_with_tls(api: SimulatedApi, tmp_path: Path) -> Iterator[GemtapWithTls]:
    gemtap = GemtapWithTls(tmp_path, api.origin, "--tls", "auto")
    yield gemtap
    gemtap.close()


def check(document: Any, sdk: Sdk) -> None:
    """The session is stored: who, what, and the text of its messages gathered in turns."""
    assert stored(document) == SESSION
    assert document["client"]["name"] == sdk.client
    assert document["client"]["version"] == sdk.version
    assert document["tokens"]["total"] > 0
    got = [each["data"] for each in document["response"]["body"]["messages"]]
    turns = document["response"]["body"]["turns"]
    said = texts(part for turn in turns if turn["role"] == "model" for part in turn["parts"])
    assert said == spoken(got) != ""
    assert "sunny" in said


def spoken(messages: list[Any]) -> str:
    contents = (message.get("serverContent", {}) for message in messages)
    return texts(part for content in contents for part in content.get("modelTurn", {}).get("parts", []))


@pytest.mark.parametrize("prefix", ["", "/", "/gemini"])
@pytest.mark.parametrize("sdk", JS, ids=lambda sdk: sdk.name)
def test_javascript_over_ws(gemtap: RunningGemtap, api: SimulatedApi, sdk: Sdk, prefix: str) -> None:
    """A session with a function call and its result. With a slash at its end JavaScript's SDK sends //ws/..."""
    direct, tapped = (see(sdk.command(), origin, "live")["live"] for origin in (api.origin, gemtap.origin + prefix))
    assert tapped == direct
    (document,) = documents(gemtap, 1)
    check(document, sdk)
    assert [each["data"] for each in document["response"]["body"]["messages"]] == tapped


@pytest.mark.parametrize("sdk", PYTHON, ids=lambda sdk: sdk.name)
def test_python_over_wss(gemtap_with_tls: GemtapWithTls, sdk: Sdk) -> None:
    """The same session. The simulated API has no TLS: what Python would see of it, the session itself tells."""
    origin = f"https://localhost:{gemtap_with_tls.port}"
    seen = see(sdk.command(), origin, "live", SSL_CERT_FILE=str(gemtap_with_tls.authority))["live"]
    (document,) = documents(gemtap_with_tls, 1)
    check(document, sdk)

    direct = LiveSession("any", "v1beta", pace=0.0)
    sent = [json.dumps(each["data"]).encode() for each in document["request"]["body"]["messages"]]
    answers = [json.loads(step.piece) for each in sent for step in direct.receive(each) if isinstance(step, Send)]
    assert [each["data"] for each in document["response"]["body"]["messages"]] == answers
    shown = [message.get("server_content", {}).get("model_turn", {}).get("parts", []) for message in seen]
    assert texts(part for parts in shown for part in parts) == spoken(answers)
