"""Which program called: name and version, from the headers that clients send about themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple


class _Product(NamedTuple):
    name: str
    version: str | None


class Caller(NamedTuple):
    """A program by name; None where nothing tells."""

    name: str | None
    version: str | None


_TITLES: Final = [
    (re.compile(rf"\b{re.escape(hint)}\b"), name)
    for hint, name in {
        "kilocode": "Kilo Code",
        "kilo code": "Kilo Code",
        "kilo.ai": "Kilo Code",
        "roo-cline": "Roo Code",
        "roo code": "Roo Code",
        "roocode": "Roo Code",
        "cline": "Cline",
        "opencode": "opencode",
        "continue.dev": "Continue",
        "aider": "aider",
        "litellm": "LiteLLM",
    }.items()
]
"""What is found in `x-title` or `http-referer`, the first that fits; forks come before what they come from."""

_VERSION_HEADERS: Final = {"Kilo Code": "x-kilocode-version", "Cline": "x-client-version"}

_PRODUCTS: Final = {
    # Programs that people use. They stand before the SDKs that they are built with: both name themselves.
    "geminicli": "gemini-cli",
    "antigravity": "Antigravity",
    "antigravity-cli": "Antigravity",
    "agy": "Antigravity",
    "cloudcodevscode": "Gemini Code Assist",
    "kilo-code": "Kilo Code",
    "kilo": "Kilo Code",
    "roocode": "Roo Code",
    "cline": "Cline",
    "continue": "Continue",
    "opencode": "opencode",
    "aider": "aider",
    "claude-cli": "Claude Code",
    "codex_cli_rs": "Codex",
    "codex_exec": "Codex",
    "codex_vscode": "Codex",
    "codex-tui": "Codex",
    "codex": "Codex",
}
"""Product tokens of `user-agent` and `x-goog-api-client` in lower case, `geminicli-vscode` taken for `geminicli`."""

_LIBRARIES: Final = {
    # Frameworks.
    "langchain": "LangChain",
    "litellm": "LiteLLM",
    "ai-sdk": "AI SDK",
    # SDKs.
    "google-genai-sdk": "google-genai",
    "genai-py": "google-generativeai-python",
    "genai-js": "google-generativeai-js",
    # What only carries. Whatever names itself first in its user-agent needs no line here.
    "aiohttp": "aiohttp",
    "code": "VS Code",
    "edg": "Edge",
    "firefox": "Firefox",
    "chrome": "Chrome",
    "safari": "Safari",
}
"""What programs are built with, in the same notation. Any product with a version that is named beside one is the
program, or the framework that it is built with: it needs no line anywhere."""

_CARRIERS: Final = frozenset(
    [
        # Runtimes and languages; `gl-python`, `gl-node`, ... are known by their beginning.
        *("python", "cpython", "pypy", "node", "node.js", "bun", "deno", "go", "java", "dotnet", "ruby", "php", "dart"),
        *("ai", "runtime", "os", "lang", "android", "ios", "linux", "darwin", "windows", "macos"),
        # HTTP clients.
        *("httpx", "python-httpx", "python-requests", "requests", "urllib3", "python-urllib", "node-fetch", "undici"),
        *(
            "axios",
            "got",
            "okhttp",
            "go-http-client",
            "reqwest",
            "hyper",
            "ktor-client",
            "apache-httpclient",
            "faraday",
        ),
        *("java-http-client", "reactornetty", "guzzlehttp", "http.rb", "rest-client", "cfnetwork", "cronet", "grpc"),
        # Google's client libraries: https://github.com/googleapis/gax-java names what each token is.
        *("gax", "gapic", "gccl", "gdcl", "rest", "auth", "cred-type", "pb", "protobuf", "http", "google-cloud-sdk"),
        *("google-api-nodejs-client", "google-api-python-client", "google-api-java-client", "google-api-go-client"),
        *("google-auth-library-nodejs", "google-http-java-client", "gcloud-python", "google-api-core", "apiclient"),
        # SDKs that Stainless generates, and browsers.
        *("openai", "asyncopenai", "azureopenai", "asyncazureopenai", "anthropic", "asyncanthropic"),
        *("anthropicvertex", "asyncanthropicvertex"),
        *("mozilla", "applewebkit", "gecko", "version", "mobile", "electron", "opr", "headlesschrome", "vivaldi"),
    ]
)
"""Products beside the SDK's that name no program."""

_CARRIER_FAMILIES: Final = ("gl-", "grpc-", "google-auth", "google-cloud-", "goog-", "auth-request", "cred-type")

_LANGUAGES: Final = {
    "gl-python": "python",
    "gl-node": "js",
    "gl-web": "js",
    "gl-go": "go",
    "gl-java": "java",
    "gl-dotnet": "dotnet",
}
"""What follows `google-genai-` in a name, by the product that stands beside the SDK's."""

_STAINLESS: Final = re.compile(r"(?:Async)?(?:Azure)?(OpenAI|Anthropic)(?:Vertex)?/(Python|JS)\s+(\S+)")
"""The user-agent of SDKs that Stainless generates: `AsyncOpenAI/Python 1.2.3`."""

_COMMENT: Final = re.compile(r"\([^()]*\)")
_VERSION: Final = re.compile(r"v?(\d[^\s;,]*)")
_MODULE: Final = re.compile(r"-[A-Z]\w+$")

_MAX_LENGTH: Final = 100


def identify(headers: Mapping[str, str]) -> Caller:
    """The caller by its headers, names in lower case.

    The order: `x-title` and `http-referer`, in which programs name themselves on purpose; programs that are known;
    whatever else is named beside an SDK; the frameworks and SDKs; the first product in `user-agent`.
    """
    products: dict[str, _Product] = {}
    for product in _products(headers):
        products.setdefault(product.name.lower(), product)
    title = _titled(headers)
    known = _known(_PRODUCTS, products) or _on_sdk(products) or _known(_LIBRARIES, products)
    if title is not None:
        version = known.version if known and known.name == title else headers.get(_VERSION_HEADERS.get(title, ""))
        caller = Caller(title, version)
    else:
        caller = known or _stainless(headers) or _first(headers)
    return Caller(*(part[:_MAX_LENGTH] if part else None for part in caller))


def _titled(headers: Mapping[str, str]) -> str | None:
    title = headers.get("x-title", "").strip()
    hints = f"{title} {headers.get('http-referer', '')}".lower()
    named = (name for hint, name in _TITLES if hint.search(hints))
    return next(named, None) or title or None


def _products(headers: Mapping[str, str]) -> Iterator[_Product]:
    """Products with their versions, those of `user-agent` first: of one that is repeated they count."""
    for name in ("user-agent", "x-goog-api-client"):
        for token in _COMMENT.sub(" ", headers.get(name, "")).split():
            yield _split(token)


def _split(token: str) -> _Product:
    """`GeminiCLI/v0.9.0/gemini-2.5-pro` -> `GeminiCLI`, `0.9.0`; the version is the first piece that looks like one."""
    product, *pieces = token.split("/")
    versions = (match[1] for piece in pieces if (match := _VERSION.match(piece)))
    version = next(versions, None)
    # LangChain adds the class that calls: 2.1.4-ChatGoogleGenerativeAI.
    return _Product(product, _MODULE.sub("", version) if version else None)


def _known(names: Mapping[str, str], products: Mapping[str, _Product]) -> Caller | None:
    for key, name in names.items():
        for product, found in products.items():
            if _is(product, key):
                if key == "google-genai-sdk":
                    name = "-".join([name, *(_LANGUAGES[each] for each in products if each in _LANGUAGES)][:2])
                return Caller(name, found.version)
    return None


def _is(product: str, key: str) -> bool:
    return product == key or product.startswith(f"{key}-")


def _on_sdk(products: Mapping[str, _Product]) -> Caller | None:
    """The first product with a version that is neither SDK nor carrier, where one of these is named too."""
    others = [product for name, product in products.items() if product.version is not None and not _carries(name)]
    return Caller(*others[0]) if others and len(others) < len(products) else None


def _carries(product: str) -> bool:
    return product in _CARRIERS or product.startswith(_CARRIER_FAMILIES) or any(_is(product, key) for key in _LIBRARIES)


def _stainless(headers: Mapping[str, str]) -> Caller | None:
    match = _STAINLESS.search(headers.get("user-agent", ""))
    if match is not None:
        return Caller(f"{match[1]}-{match[2]}".lower(), match[3])
    language = headers.get("x-stainless-lang")
    if language:
        return Caller(f"openai-{language}".lower(), headers.get("x-stainless-package-version"))
    return None


def _first(headers: Mapping[str, str]) -> Caller:
    tokens = _COMMENT.sub(" ", headers.get("user-agent", "")).split()
    return Caller(*_split(tokens[0])) if tokens else Caller(None, None)
