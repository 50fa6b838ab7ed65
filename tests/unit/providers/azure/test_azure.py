"""Azure OpenAI: resources, deployments, prices and errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from gemtap.interaction import NO_TOKENS
from gemtap.providers.reader import Bill
from gemtap.providers.registry import PROVIDERS
from gemtap.providers.routing import match, origin_of
from tests.unit.providers.exchanges import make_exchange

AZURE = PROVIDERS["azure"]
PLACEHOLDER = {"azure": AZURE.wire.upstream}
ONE = {"azure": "https://mine.cognitiveservices.azure.com"}


@pytest.mark.parametrize(
    ("path", "origins", "goes_to"),
    [
        (
            b"/azure/My-Res/openai/deployments/d/chat/completions",
            PLACEHOLDER,
            "https://my-res.openai.azure.com/openai/deployments/d/chat/completions",
        ),
        (b"/azure/res/openai/v1/responses", PLACEHOLDER, "https://res.openai.azure.com/openai/v1/responses"),
        (b"/azure/openai/v1/responses", ONE, "https://mine.cognitiveservices.azure.com/openai/v1/responses"),
        (b"/azure/res/openai/v1/responses", ONE, "https://mine.cognitiveservices.azure.com/openai/v1/responses"),
        (
            b"/azure/res/models/chat/completions",
            ONE,
            "https://mine.cognitiveservices.azure.com/models/chat/completions",
        ),
        (
            b"/azure/openai/openai/v1/models",
            PLACEHOLDER,
            "https://resource-missing-in-path.openai.azure.com/openai/openai/v1/models",
        ),
    ],
)
def test_a_path_names_its_resource(path: bytes, origins: dict[str, str], goes_to: str) -> None:
    """An upstream of one resource counts for every path."""
    route = match(path)
    assert route is not None
    assert f"{origin_of(route, origins)}{route.path.decode()}" == goes_to


@pytest.mark.parametrize("resource", [b"evil.example%2F", b"evil.example", b"a/b", b"-x", b"x" * 64, b"a@b", b"a%2Eb"])
def test_nothing_else_than_a_name_is_a_resource(resource: bytes) -> None:
    """A path must never choose the host."""
    assert match(b"/azure/" + resource + b"/openai/v1/models") is None


@pytest.mark.parametrize(
    ("path", "operation", "model"),
    [
        ("/openai/deployments/my-gpt/chat/completions", "openai.chat.completions", "my-gpt"),
        ("/openai/deployments/my%20gpt/embeddings", "openai.embeddings", "my gpt"),
        ("/openai/v1/chat/completions", "openai.chat.completions", None),
        ("/openai/v1/responses", "openai.responses", None),
        ("/openai/responses", "openai.responses", None),
        ("/openai/files", "openai.files.list", None),
        ("/models/chat/completions", "openai.chat.completions", None),
    ],
)
def test_the_operation_stands_after_the_deployment(path: str, operation: str, model: str | None) -> None:
    """In each form that SDKs have."""
    method = "GET" if path.endswith("files") else "POST"
    assert AZURE.reader.operation(method, path) == (operation, model)


def test_the_answer_names_the_model_of_a_deployment() -> None:
    """The model asked for is the deployment; the price is that of the model that served it."""
    parsed = AZURE.parse(
        make_exchange(
            path="/openai/deployments/my-gpt/chat/completions",
            request={"messages": [{"role": "user", "content": "Hi"}]},
            response={
                "model": "gpt-4o-2024-11-20",
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Ho"}}],
                "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 0, "total_tokens": 1_000_000},
            },
        )
    )
    assert (parsed.model, parsed.model_version) == ("my-gpt", "gpt-4o-2024-11-20")
    tokens = NO_TOKENS | {"input": 1_000_000, "output": 0}
    at = datetime(2026, 1, 1, tzinfo=UTC)
    cost = AZURE.reader.price(Bill(parsed.operation, (parsed.model_version, parsed.model), tokens, {}, at))
    assert cost is not None
    assert cost["usd"] == 2.5


def test_another_deployment_stands_in_the_path() -> None:
    """Replays with another model."""
    path = "/azure/res/openai/deployments/one/chat/completions"
    assert AZURE.reader.with_model(path, "two/x") == "/azure/res/openai/deployments/two%2Fx/chat/completions"
    assert AZURE.reader.with_model("/azure/openai/v1/responses", "two") is None


def test_errors_have_azure_s_shape() -> None:
    """A code and a message."""
    _, body = AZURE.wire.error(502, "UNAVAILABLE", "No.")
    assert json.loads(body) == {"error": {"code": "Unavailable", "message": "No."}}
