"""Operation and model of every path of the API's surface."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.providers.gemini.paths import read_path

LIVE = "google.ai.generativelanguage.v1beta.GenerativeService"


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha", "v1beta1"])
@pytest.mark.parametrize(
    "verb",
    [
        "generateContent",
        "streamGenerateContent",
        "countTokens",
        "embedContent",
        "batchEmbedContents",
        "asyncBatchEmbedContent",
        "batchGenerateContent",
        "predict",
        "predictLongRunning",
    ],
)
def test_the_verbs_of_a_model_stand_alone(version: str, verb: str) -> None:
    """Verbs of models are operations without a prefix."""
    assert read_path("POST", f"/{version}/models/gemini-2.5-pro:{verb}") == (verb, "gemini-2.5-pro")


@pytest.mark.parametrize(
    ("method", "path", "operation", "model"),
    [
        ("GET", "/v1beta/models", "models.list", None),
        ("GET", "/v1beta/models/gemini-2.5-pro", "models.get", "gemini-2.5-pro"),
        ("get", "/v1beta/models", "models.list", None),
        ("GET", "/v1beta/models/veo-3/operations/abc", "models.operations.get", "veo-3"),
        ("POST", "/v1beta/tunedModels/mine:generateContent", "generateContent", "tunedModels/mine"),
        ("PATCH", "/v1beta/tunedModels/mine", "tunedModels.update", "tunedModels/mine"),
        ("POST", "/v1beta/tunedModels/mine/permissions", "tunedModels.permissions.create", "tunedModels/mine"),
        ("POST", "/v1beta/dynamic/abc:generateContent", "generateContent", "dynamic/abc"),
        ("POST", "/v1beta/cachedContents", "cachedContents.create", None),
        ("PATCH", "/v1beta/cachedContents/abc", "cachedContents.update", None),
        ("DELETE", "/v1beta/cachedContents/abc", "cachedContents.delete", None),
        ("GET", "/v1beta/batches/abc", "batches.get", None),
        ("POST", "/v1beta/batches/abc:cancel", "batches.cancel", None),
        ("GET", "/v1beta/operations/abc", "operations.get", None),
        ("POST", "/v1alpha/auth_tokens", "auth_tokens.create", None),
        ("GET", "/v1beta/files", "files.list", None),
        ("POST", "/v1beta/files:register", "files.register", None),
        ("POST", "/upload/v1beta/files", "files.upload", None),
        ("PUT", "/upload/v1beta/files", "files.upload", None),
        ("GET", "/v1beta/files/abc:download", "files.download", None),
        ("GET", "/download/v1beta/files/abc:download", "files.download", None),
        ("POST", "/v1beta/fileSearchStores", "fileSearchStores.create", None),
        ("GET", "/v1beta/fileSearchStores/s/documents", "fileSearchStores.documents.list", None),
        ("DELETE", "/v1beta/fileSearchStores/s/documents/d", "fileSearchStores.documents.delete", None),
        ("POST", "/v1beta/fileSearchStores/s:importFile", "fileSearchStores.importFile", None),
        (
            "POST",
            "/upload/v1beta/fileSearchStores/s:uploadToFileSearchStore",
            "fileSearchStores.uploadToFileSearchStore",
            None,
        ),
        ("GET", "/v1beta/fileSearchStores/s/operations/o", "fileSearchStores.operations.get", None),
        ("GET", "/v1beta/fileSearchStores/s/upload/operations/o", "fileSearchStores.operations.get", None),
        ("POST", "/v1beta/interactions", "interactions.create", None),
        ("GET", "/v1beta/interactions/abc", "interactions.get", None),
        ("DELETE", "/v1beta/interactions/abc", "interactions.delete", None),
        ("POST", "/v1beta/interactions/abc/cancel", "interactions.cancel", None),
        ("GET", "/v1beta/agents", "agents.list", None),
        ("POST", "/v1beta/triggers", "triggers.create", None),
        ("GET", "/v1beta/webhooks/w", "webhooks.get", None),
        ("POST", "/v1beta/openai/chat/completions", "openai.chat.completions", None),
        ("POST", "/v1beta/openai/embeddings", "openai.embeddings", None),
        ("GET", "/v1beta/openai/models", "openai.models.list", None),
        ("GET", "/v1beta/openai/models/gemini-2.5-pro", "openai.models.get", "gemini-2.5-pro"),
        ("GET", "/v1beta/openai/models/models/gemini-2.5-pro", "openai.models.get", "gemini-2.5-pro"),
        ("POST", "/v1beta/openai/batches", "openai.batches.create", None),
        ("GET", f"/ws/{LIVE}.BidiGenerateContent", "bidiGenerateContent", None),
        ("GET", f"//ws/{LIVE}.BidiGenerateContent", "bidiGenerateContent", None),
        ("GET", f"/ws/{LIVE}.BidiGenerateContentConstrained", "bidiGenerateContentConstrained", None),
    ],
)
def test_the_surface(method: str, path: str, operation: str, model: str | None) -> None:
    """Every method of the API has its operation and model."""
    assert read_path(method, path) == (operation, model)


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/gemini-2.5-pro%3AgenerateContent",
        "//v1beta//models/gemini-2.5-pro:generateContent",
        "/v1beta/models/gemini-2.5-pro:generateContent/",
        "/models/gemini-2.5-pro:generateContent",
    ],
)
def test_escapes_doubled_slashes_and_a_missing_version_change_nothing(path: str) -> None:
    """Variants of a path have the same operation."""
    assert read_path("POST", path) == ("generateContent", "gemini-2.5-pro")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/"),
        ("GET", "/v1beta"),
        ("GET", "/upload"),
        ("GET", "/favicon.ico"),
        ("GET", "/v1beta/things/abc"),
        ("GET", "/v1beta/models/m/things/abc"),
        ("TRACE", "/v1beta/models/m"),
        ("POST", "/v1beta/models/m"),
        ("POST", "/v1beta/models/m:<script>"),
        ("POST", "/v1beta/models/m:" + "x" * 100),
        ("GET", "/v1beta/openai"),
        ("POST", "/v1beta/openai/chat/<b>"),
        ("TRACE", "/v1beta/openai/models"),
        ("POST", "/v1beta1/projects/p/locations/l/publishers/google/models/m:generateContent"),
        ("POST", "/v1internal:generateContent"),
        ("GET", "/ws/"),
        ("GET", "/ws/a.b."),
    ],
)
def test_what_is_not_of_the_surface_is_unknown(method: str, path: str) -> None:
    """Other paths have an unknown operation."""
    assert read_path(method, path) == ("unknown", None)


@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "BREW"]) | st.text(max_size=5),
    segments=st.lists(
        st.sampled_from(
            ["", "v1beta", "upload", "ws", "openai", "models", "interactions", "fileSearchStores", ":", "a:b"]
        )
        | st.text(max_size=6),
        max_size=6,
    ),
)
def test_any_path_has_an_operation_of_harmless_words(method: str, segments: list[str]) -> None:
    """The operation of any path consists of plain words."""
    operation, model = read_path(method, "/" + "/".join(segments))
    assert all(word.isidentifier() for word in operation.split("."))
    assert model is None or model
