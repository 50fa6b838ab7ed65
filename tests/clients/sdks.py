"""The SDKs: how to run each, what it does, and what that leaves behind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.clients.recorded import COUNT, GENERATE, MODEL, STREAM, Stored, texts
from tests.clients.running_client import HERE, ROOT, js_client, python_client

EMBEDDER = "gemini-embedding-001"
UPLOAD = Stored("files.upload")
LIST_FILES = Stored("files.list")

CALLS: Mapping[str, Sequence[Stored]] = {
    "generate": [GENERATE],
    "stream": [STREAM],
    "chat_with_a_call": [GENERATE] * 2,
    "count_tokens": [COUNT],
    "list_models": [Stored("models.list")] * 3,  # in pages
    "an_error": [Stored("generateContent", "error-429", 429)],
    "interaction": [Stored("interactions.create", MODEL)] * 2,
    "files": [
        *[UPLOAD] * 2,
        *[UPLOAD] * 3,  # of two chunks
        Stored("files.get"),
        LIST_FILES,
        Stored("files.download"),
        *[Stored("files.delete")] * 2,
        LIST_FILES,
    ],
}
"""What each task leaves behind, call by call."""


@dataclass(frozen=True)
class Sdk:
    """One of them."""

    name: str
    command: Callable[[], list[str]]
    client: str
    """Its name in what is stored."""
    version: str
    streamed_text: Callable[[Any], str]
    """What it saw as text in the task `stream`."""
    calls: Mapping[str, Sequence[Stored]]

    @property
    def tasks(self) -> list[str]:
        return list(self.calls)


def calls(*tasks: str, **others: Sequence[Stored]) -> Mapping[str, Sequence[Stored]]:
    """The usual ones of some tasks, and those that are this SDK's own."""
    return {**{task: CALLS[task] for task in tasks}, **others}


def pinned(name: str, package: str) -> str:
    """The version of a package in `requirements/clients-NAME.txt`."""
    pins = (ROOT / "requirements" / f"clients-{name}.txt").read_text()
    version = re.search(rf"^{re.escape(package)}==(\S+)", pins, re.MULTILINE)
    assert version is not None
    return version[1]


def installed(package: str) -> str:
    """The version of a package in `package.json`."""
    dependencies: dict[str, str] = json.loads((HERE / "js" / "package.json").read_text())["dependencies"]
    return dependencies[package].rpartition("@")[2]


def _genai_text(chunks: Any) -> str:
    return texts(part for chunk in chunks for each in chunk["candidates"] for part in each["content"]["parts"])


def _google_genai_python(major: int) -> Sdk:
    name = f"google-genai-{major}"
    return Sdk(
        name=f"{name}-python",
        command=lambda: python_client(name, "use_google_genai.py"),
        client="google-genai-python",
        version=pinned(name, "google-genai"),
        streamed_text=_genai_text,
        calls=calls("generate", "stream", "chat_with_a_call", "count_tokens", "list_models", "an_error", "interaction"),
    )


def _google_genai_js(major: int) -> Sdk:
    package = f"genai-{major}"
    return Sdk(
        name=f"google-{package}-js",
        command=lambda: js_client("use_genai.mjs", package),
        client="google-genai-js",
        version=installed(package),
        streamed_text=_genai_text,
        calls=calls("generate", "stream", "chat_with_a_call", "count_tokens", "list_models", "an_error", "interaction"),
    )


GOOGLE_GENAI = [_google_genai_python(2), _google_genai_python(3), _google_genai_js(2), _google_genai_js(3)]

_OPENAI_CHAT = Stored("openai.chat.completions", MODEL)

OTHERS = [
    Sdk(
        name="google-generative-ai-js",
        command=lambda: js_client("use_generative_ai.mjs"),
        client="google-generativeai-js",
        version=installed("@google/generative-ai"),
        streamed_text=lambda seen: "".join(seen[0]),
        calls=calls("generate", "stream", "chat_with_a_call", "count_tokens", "an_error"),
    ),
    Sdk(
        name="google-generativeai-python",
        command=lambda: python_client("google-generativeai", "use_google_generativeai.py"),
        client="google-generativeai-python",
        version=pinned("google-generativeai", "google-generativeai"),
        streamed_text=lambda seen: "".join(seen[:-1]),
        calls=calls(
            *("generate", "stream", "chat_with_a_call", "count_tokens", "list_models"),
            an_error=[Stored("generateContent", "error-400", 400)],  # it tries again after a 429
        ),
    ),
    Sdk(
        name="openai-python",
        command=lambda: python_client("openai", "use_openai.py"),
        client="openai-python",
        version=pinned("openai", "openai"),
        streamed_text=lambda seen: "".join(c["delta"].get("content", "") for chunk in seen for c in chunk["choices"]),
        calls={
            "generate": [_OPENAI_CHAT],
            "stream": [_OPENAI_CHAT],
            "chat_with_a_call": [_OPENAI_CHAT] * 2,
            "embed": [Stored("openai.embeddings", EMBEDDER)],
            "list_models": [Stored("openai.models.list")],
            "an_error": [Stored("openai.chat.completions", "error-429", 429)],
        },
    ),
    Sdk(
        name="langchain-python",
        command=lambda: python_client("langchain", "use_langchain.py"),
        client="LangChain",
        version=pinned("langchain", "langchain-google-genai"),
        streamed_text=lambda seen: "".join(chunk["text"] for chunk in seen),
        calls=calls(
            *("generate", "stream", "chat_with_a_call", "count_tokens"),
            embed=[Stored("batchEmbedContents", EMBEDDER)],
            an_error=[Stored("generateContent", "error-400", 400)],
        ),
    ),
]
