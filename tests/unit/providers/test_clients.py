"""Programs are known by the headers that they send.

Several of them send Gemini nothing but what their SDK says; they are told where they name themselves.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.providers.clients import identify

NODE_SDK = "google-genai-sdk/1.30.0 gl-node/v22.23.2"
PYTHON_SDK = "google-genai-sdk/2.34.0 gl-python/3.11.2"
KEY = {"x-goog-api-key": "[redacted:8f2a11c0beef]"}
BEARER = {"authorization": "Bearer [redacted:8f2a11c0beef]"}


@pytest.mark.parametrize(
    ("headers", "name", "version"),
    [
        pytest.param(
            {**KEY, "user-agent": "Cline/3.57.1", "x-goog-api-client": NODE_SDK}, "Cline", "3.57.1", id="Cline"
        ),
        pytest.param(
            {
                **KEY,
                "user-agent": f"{NODE_SDK} Cline/3.57.1",
                "x-goog-api-client": NODE_SDK,
                "x-client-version": "3.57.1",
            },
            "Cline",
            "3.57.1",
            id="Cline, its SDK first",
        ),
        pytest.param(
            {
                **BEARER,
                "http-referer": "https://github.com/RooVetGit/Roo-Cline",
                "x-title": "Roo Code",
                "user-agent": "RooCode/3.36.2",
            },
            "Roo Code",
            "3.36.2",
            id="Roo Code, OpenAI paths",
        ),
        pytest.param(
            {**KEY, "user-agent": NODE_SDK, "x-goog-api-client": NODE_SDK},
            "google-genai-js",
            "1.30.0",
            id="Roo Code, Gemini paths: nothing but its SDK",
        ),
        pytest.param(
            {
                **KEY,
                "accept-encoding": "gzip, deflate, br, zstd",
                "http-referer": "https://kilocode.ai",
                "user-agent": "Kilo-Code/7.5.5 ai-sdk/google/3.0.43 ai-sdk/provider-utils/4.0.40 runtime/bun/1.3.14",
                "x-session-affinity": "ses_1",
                "x-session-id": "ses_1",
                "x-title": "Kilo Code",
            },
            "Kilo Code",
            "7.5.5",
            id="Kilo Code 7",
        ),
        pytest.param(
            {**KEY, "x-title": "Kilo Code", "x-kilocode-version": "4.111.0", "user-agent": "node"},
            "Kilo Code",
            "4.111.0",
            id="Kilo Code 4",
        ),
        pytest.param(
            {
                **KEY,
                "accept-encoding": "gzip, deflate, br, zstd",
                "user-agent": "opencode/1.18.31 ai-sdk/provider-utils/4.0.40 runtime/bun/1.3.14",
                "x-session-affinity": "ses_1",
                "x-session-id": "ses_1",
            },
            "opencode",
            "1.18.31",
            id="opencode",
        ),
        pytest.param(
            {
                **BEARER,
                "http-referer": "https://www.continue.dev/",
                "user-agent": "OpenAI/JS 6.10.0",
                "x-stainless-lang": "js",
                "x-title": "Continue",
            },
            "Continue",
            None,
            id="Continue, where it names itself",
        ),
        pytest.param(
            {
                **KEY,
                "user-agent": "GeminiCLI-tui/0.58.0/gemini-2.5-pro (linux; x64; terminal)",
                "x-goog-api-client": NODE_SDK,
            },
            "gemini-cli",
            "0.58.0",
            id="gemini-cli",
        ),
        pytest.param(
            {
                **BEARER,
                "x-goog-api-key": "",
                "user-agent": "GeminiCLI/v0.9.0/gemini-2.5-pro (darwin; arm64)",
                "x-goog-api-client": NODE_SDK,
            },
            "gemini-cli",
            "0.9.0",
            id="gemini-cli, key as Bearer",
        ),
        pytest.param(
            {
                **BEARER,
                "user-agent": "GeminiCLI/0.34.0/gemini-3.1-pro-preview (darwin; arm64; terminal)"
                " google-api-nodejs-client/9.15.1",
                "x-goog-api-client": "gl-node/22.19.0",
            },
            "gemini-cli",
            "0.34.0",
            id="gemini-cli, OAuth",
        ),
        pytest.param(
            {
                "user-agent": "antigravity/1.2.15 linux/amd64",
                "x-goog-api-client": "gl-go/1.25.0 google-genai-sdk/1.40.0",
            },
            "Antigravity",
            "1.2.15",
            id="Antigravity",
        ),
        pytest.param(
            {
                **BEARER,
                "user-agent": "CloudCodeVSCode/0.46.0 (aidev_client; os_type=Windows; os_version=10.0.26200; arch=x64;"
                " host_path=VSCode/1.106.3; proxy_client=geminicli) google-api-nodejs-client/9.15.1",
            },
            "Gemini Code Assist",
            "0.46.0",
            id="Gemini Code Assist",
        ),
        pytest.param(
            {**KEY, "user-agent": PYTHON_SDK, "x-goog-api-client": PYTHON_SDK},
            "google-genai-python",
            "2.34.0",
            id="google-genai, Python",
        ),
        pytest.param(
            {**KEY, "x-goog-api-client": "google-genai-sdk/1.9.0 gl-web/web", "user-agent": "Mozilla/5.0 Chrome/142.0"},
            "google-genai-js",
            "1.9.0",
            id="@google/genai, browser",
        ),
        pytest.param(
            {**KEY, "user-agent": "google-genai-sdk/1.71.0 gl-go/go1.28"},
            "google-genai-go",
            "1.71.0",
            id="google-genai, Go",
        ),
        pytest.param(
            {**KEY, "user-agent": "google-genai-sdk/1.0.0"}, "google-genai", "1.0.0", id="google-genai, no language"
        ),
        pytest.param(
            {
                **KEY,
                "user-agent": "python-requests/2.32.5",
                "x-goog-api-client": "genai-py/0.8.5 gl-python/3.12.3 rest/2.32.5 gapic/0.6.15 gax/2.25.0",
            },
            "google-generativeai-python",
            "0.8.5",
            id="google-generativeai, Python",
        ),
        pytest.param(
            {**KEY, "user-agent": "node", "x-goog-api-client": "genai-js/0.24.1"},
            "google-generativeai-js",
            "0.24.1",
            id="@google/generative-ai",
        ),
        pytest.param(
            {
                **KEY,
                "accept-encoding": "gzip, deflate, br, zstd",
                # The SDK puts its own name before what it is given.
                "user-agent": f"{PYTHON_SDK} langchain-google-genai/4.2.3-ChatGoogleGenerativeAI",
                "x-goog-api-client": PYTHON_SDK,
            },
            "LangChain",
            "4.2.3",
            id="LangChain",
        ),
        pytest.param({**KEY, "user-agent": "litellm/1.106.0"}, "LiteLLM", "1.106.0", id="LiteLLM, aider"),
        pytest.param(
            {
                **KEY,
                "user-agent": "google-genai-sdk/1.56.0 gl-python/3.13.3 google-adk/1.21.0 gl-python/3.13.3",
                "x-goog-api-client": "google-genai-sdk/1.56.0 gl-python/3.13.3 google-adk/1.21.0 gl-python/3.13.3",
            },
            "google-adk",
            "1.21.0",
            id="google-adk, its SDK first",
        ),
        pytest.param(
            {**KEY, "user-agent": PYTHON_SDK, "x-goog-api-client": f"{PYTHON_SDK} llamaindex/0.14.8"},
            "llamaindex",
            "0.14.8",
            id="a framework named beside the SDK in x-goog-api-client alone",
        ),
        pytest.param(
            {**KEY, "user-agent": f"pydantic-ai/1.20.0 {PYTHON_SDK}", "x-goog-api-client": PYTHON_SDK},
            "pydantic-ai",
            "1.20.0",
            id="pydantic-ai",
        ),
        pytest.param(
            {**KEY, "user-agent": "node", "x-goog-api-client": f"{NODE_SDK} genkit-node/1.22.0 gl-node/22.23.2"},
            "genkit-node",
            "1.22.0",
            id="Genkit",
        ),
        pytest.param(
            {
                **KEY,
                "user-agent": f"MyAgent/3.1 langchain-google-genai/4.2.3-ChatGoogleGenerativeAI {PYTHON_SDK}",
                "x-goog-api-client": PYTHON_SDK,
            },
            "MyAgent",
            "3.1",
            id="a program built with LangChain",
        ),
        pytest.param(
            {**BEARER, "user-agent": "AsyncOpenAI/Python 2.9.0 my-agent/0.3", "x-stainless-lang": "python"},
            "my-agent",
            "0.3",
            id="a program built with OpenAI's SDK",
        ),
        pytest.param(
            {**KEY, "user-agent": "ai/5.0.60 ai-sdk/google/2.0.20 ai-sdk/provider-utils/3.0.10 runtime/node.js/24"},
            "AI SDK",
            "2.0.20",
            id="AI SDK 5",
        ),
        pytest.param(
            {
                **BEARER,
                "user-agent": "python-requests/2.32.5",
                "x-goog-api-client": "gl-python/3.12 grpc/1.76 gax/2.25 gapic/1.7 auth/2.1 cred-type/u pb/6.1",
            },
            "python-requests",
            "2.32.5",
            id="carriers alone",
        ),
        pytest.param(
            {**KEY, "user-agent": "litellm/1.106.0", "x-title": "Aider", "http-referer": "http://aider.chat"},
            "aider",
            None,
            id="aider, where it names itself",
        ),
        pytest.param(
            {**BEARER, "user-agent": "OpenAI/Python 2.9.0", "x-stainless-lang": "python"},
            "openai-python",
            "2.9.0",
            id="openai, Python",
        ),
        pytest.param(
            {**BEARER, "user-agent": "AsyncOpenAI/Python 2.9.0"}, "openai-python", "2.9.0", id="openai, Python async"
        ),
        pytest.param({**BEARER, "user-agent": "OpenAI/JS 6.10.0"}, "openai-js", "6.10.0", id="openai, JS"),
        pytest.param(
            {**BEARER, "user-agent": "node", "x-stainless-lang": "js", "x-stainless-package-version": "6.10.0"},
            "openai-js",
            "6.10.0",
            id="openai, JS behind another user-agent",
        ),
        pytest.param({**BEARER, "user-agent": "Anthropic/JS 0.71.0"}, "anthropic-js", "0.71.0", id="anthropic"),
        pytest.param(
            {**BEARER, "user-agent": "AsyncAnthropicVertex/Python 2.14.0"},
            "anthropic-python",
            "2.14.0",
            id="anthropic on Vertex AI",
        ),
        pytest.param(
            {**KEY, "user-agent": "ai-sdk/google/3.0.43 ai-sdk/provider-utils/4.0.40 runtime/node.js/24"},
            "AI SDK",
            "3.0.43",
            id="AI SDK",
        ),
        pytest.param(
            {
                "user-agent": "Mozilla/5.0 (Macintosh) AppleWebKit/537.36 (KHTML, like Gecko) Code/1.106.3"
                " Chrome/142.0.0.0 Electron/39.2.3 Safari/537.36"
            },
            "VS Code",
            "1.106.3",
            id="VS Code",
        ),
        pytest.param({"user-agent": "curl/8.14.1"}, "curl", "8.14.1", id="curl"),
        pytest.param({"user-agent": "Python/3.11 aiohttp/3.14.5"}, "aiohttp", "3.14.5", id="aiohttp"),
        pytest.param({"user-agent": "MyScript"}, "MyScript", None, id="a name alone"),
    ],
)
def test_clients_are_known_by_what_they_send(headers: dict[str, str], name: str, version: str | None) -> None:
    """Clients are recognized by their headers."""
    assert identify(headers) == (name, version)


@pytest.mark.parametrize("headers", [{}, {"user-agent": ""}, {"user-agent": " (comment) "}, {"x-title": " "}])
def test_who_says_nothing_is_nobody(headers: dict[str, str]) -> None:
    """Without headers, the client is unknown."""
    assert identify(headers) == (None, None)


def test_a_title_of_its_own_is_a_name() -> None:
    """A title header is a name."""
    assert identify({"x-title": "Raider of lost text", "user-agent": PYTHON_SDK}) == ("Raider of lost text", None)


def test_names_are_not_longer_than_lists_can_show() -> None:
    """Long names are truncated."""
    name, version = identify({"user-agent": "a" * 500 + "/1" + "0" * 500})
    assert name is not None
    assert version is not None
    assert (len(name), len(version)) == (100, 100)


header_names = st.sampled_from(["user-agent", "x-goog-api-client", "x-title", "http-referer", "x-stainless-lang"])
pieces = st.sampled_from(["geminicli", "google-genai-sdk", "/", "/1.0", " ", "(", ")", "OpenAI/JS "]) | st.text(
    max_size=4
)


@given(st.dictionaries(header_names, st.lists(pieces, max_size=6).map("".join)))
def test_any_headers_name_someone_or_nobody(headers: dict[str, str]) -> None:
    """Any headers are read without an error."""
    name, version = identify(headers)
    assert name != ""
    assert version != ""
