"""The requests of Google's SDKs, and what Gemtap makes of them.

`python -m tests.surface.methods` writes `methods.json` anew, from the SDKs that `make test-clients` has installed.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gemtap.providers.google.reader import BATCH_RESULTS, BILLED, TOLD_LATER
from gemtap.providers.registry import PROVIDERS
from gemtap.providers.routing import match

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
METHODS = HERE / "methods.json"
PYTHON = ROOT / ".venv" / "clients" / "google-genai-3" / "bin" / "python"
JAVASCRIPT = ROOT / "tests" / "clients" / "js" / "node_modules" / "genai-3"

_NAMES = {
    ("Caches", "name"): "cachedContents/c",
    ("Documents", "name"): "fileSearchStores/s/documents/d",
    ("FileSearchStores", "name"): "fileSearchStores/s",
    ("Batches", "name"): "b",
    ("Models", "name"): "models/m",
}
_NAMES_BY_API = {
    ("gemini", "model"): "models/m",
    ("vertex", "model"): "publishers/google/models/m",
    ("gemini", "models_url"): "models",
    ("vertex", "models_url"): "publishers/google/models",
    ("gemini", "name"): "tunedModels/t",
    ("vertex", "name"): "tuningJobs/t",
    ("gemini", "parent"): "fileSearchStores/s",
    ("vertex", "parent"): "projects/p/locations/l",
    ("gemini", "operationName"): "models/m/operations/o",
    ("vertex", "operationName"): "publishers/google/models/m/operations/o",
    ("vertex", "resourceName"): "publishers/google/models/m",
}
_FILE = "src/main.py"


@dataclass(frozen=True)
class Method:
    """One request of an SDK."""

    name: str
    api: str
    method: str
    path: str

    @property
    def example(self) -> str:
        """The path with names in place of its parameters."""
        version = "v1beta" if self.api == "gemini" else "v1beta1"
        path = re.sub(r"\{\{?(\w+)\}?\}", lambda found: self._filled(found[1], version), self.path).lstrip("/")
        if self.api == "vertex" and not path.startswith(("ws/", "projects/")):
            root, _, rest = path.partition("/") if path.startswith(("upload/", version)) else ("", "", path)
            if root == "upload":
                return f"/upload/{version}/projects/p/locations/l/{rest.removeprefix(f'{version}/')}"
            return f"/{version}/projects/p/locations/l/{rest}"
        return f"/{path}" if path.startswith((version, "upload/", "ws/")) else f"/{version}/{path}"

    @property
    def shown(self) -> str:
        """The path with its parameters, as both SDKs write it."""
        return re.sub(r"\{\w+\}", "{}", self.example_of_names).replace("{}", "…")

    @property
    def example_of_names(self) -> str:
        """The example, the names in it as parameters."""
        return re.sub(r"(?<=/)(?:[mcdsbtox]|src/main\.py)(?=[/:]|$)", "{id}", self.example).replace(
            "projects/p/locations/l", "projects/{id}/locations/{id}"
        )

    def _filled(self, parameter: str, version: str) -> str:
        if parameter in ("api_version", "version"):
            return version
        owner = self.name.partition(".")[0]
        named = _NAMES.get((owner, parameter)) or _NAMES_BY_API.get((self.api, parameter))
        return named or {"file_search_store_name": "fileSearchStores/s", "path": _FILE}.get(parameter, "x")

    def read(self) -> tuple[str, str | None]:
        """Operation, and the model where the path names one; of whichever provider the path leads to."""
        route = match(self.example.encode())
        if route is None:
            return "no route", None
        return PROVIDERS[route.provider].reader.operation(self.method, route.path.decode())


@cache
def methods() -> tuple[Method, ...]:
    """Those that are written down, of both SDKs, each once."""
    written = json.loads(METHODS.read_text())
    return tuple(dict.fromkeys(Method(**each) for sdk in written.values() for each in sdk["methods"]))


def walk() -> dict[str, dict[str, object]]:
    """What the installed SDKs do."""
    done = subprocess.run([PYTHON, HERE / "walk_methods.py"], capture_output=True, text=True, timeout=300, check=True)
    return {"google-genai": json.loads(done.stdout), "@google/genai": walk_javascript()}


def walk_javascript() -> dict[str, object]:
    """The requests in the bundle of @google/genai: in its order, the class and the API stand before each path."""
    source = (JAVASCRIPT / "dist" / "node" / "index.mjs").read_text()
    rows = {tuple(sorted(row.items())): row for row in [*_classic(source), *_generated(source), *_sessions(source)]}
    found = sorted(rows.values(), key=lambda row: (row["path"], row["method"], row["api"], row["name"]))
    return {"version": json.loads((JAVASCRIPT / "package.json").read_text())["version"], "methods": found}


_TOKENS = re.compile(
    r"^class (?P<cls>\w+) extends BaseModule|^    async (?P<function>\w+)\(|"
    r"if \((?P<vertex>this\.apiClient\.isVertexAI\(\))\)|(?P<other>\} ?else \{|\n        else \{)|"
    r"formatMap\('(?P<path>[^']+)'|httpMethod: '(?P<method>\w+)'",
    re.MULTILINE,
)


def _classic(source: str) -> Iterator[dict[str, str]]:
    owner = function = path = ""
    api = "gemini"
    for token in _TOKENS.finditer(source):
        match token.lastgroup:
            case "cls":
                owner = token["cls"]
            case "function":
                function, api = token["function"], "gemini"
            case "vertex":
                api = "vertex"
            case "other":
                api = "gemini"
            case "path":
                path = token["path"].partition("?")[0]
            case "method" if path:
                yield {"name": f"{owner}.{function}", "api": api, "method": token["method"], "path": path}
                path = ""


def _generated(source: str) -> Iterator[dict[str, str]]:
    found = re.finditer(r'pathToFunc\("([^"]+)"\).*?operation_id: "(\w+)".*?method: "(\w+)"', source, re.DOTALL)
    for path, name, method in (each.groups() for each in found):
        for api in ("gemini", "vertex"):
            yield {"name": f"interactions.{name}", "api": api, "method": method, "path": path}


def _sessions(source: str) -> Iterator[dict[str, str]]:
    methods = re.findall(r"'(BidiGenerateContent\w*)'", source)
    for path in re.findall(r"/ws/google[^`?]*", source):
        for method in methods if "${method}" in path else [""]:
            api = "vertex" if "aiplatform" in path else "gemini"
            whole = path.replace("${method}", method).replace("${apiVersion}", "{version}")
            yield {"name": "Live.connect", "api": api, "method": "GET", "path": whole}


MODEL_IN_BODY = frozenset({"interactions.create", "interactions.live", "decisions.create", "cachedContents.create"})
PREDICTIONS = frozenset({"predict"})


def model_of(method: Method) -> str:
    """Where the requested model stands, for people."""
    operation, model = method.read()
    if model is not None:
        return "path"
    return "body" if operation in MODEL_IN_BODY or operation.startswith("bidi") else ""


def tokens_of(operation: str) -> str:
    """Where an operation's tokens come from, for people."""
    if operation in TOLD_LATER:
        return "`usage`, if it is the first to see the end of a run"
    if operation in BATCH_RESULTS:
        return "`usageMetadata` of each result, once"
    if operation not in BILLED:
        return "none"
    if operation in ("interactions.create", "decisions.create"):
        return "`usage`"
    if operation == "interactions.live":
        return "`usage` of each interaction, added up"
    if operation.startswith("bidi"):
        return "`usageMetadata` of each turn, added up"
    if operation in PREDICTIONS:
        return "`usageMetadata`, or `statistics.token_count` of each prediction"
    return "none are reported" if operation == "predictLongRunning" else "`usageMetadata`"


def cost_of(operation: str) -> str:
    """How an operation is priced, for people."""
    if operation == "bidiGenerateMusic" or operation not in BILLED | TOLD_LATER | BATCH_RESULTS:
        return "none"
    if operation == "cachedContents.create":
        return "storage until the cache expires"
    if operation in PREDICTIONS:
        return "tokens, characters or images, by the model"
    return "unknown: by the second" if operation == "predictLongRunning" else "tokens, grounding"


def main() -> None:
    METHODS.write_text(json.dumps(walk(), indent=1) + "\n")


if __name__ == "__main__":
    main()
