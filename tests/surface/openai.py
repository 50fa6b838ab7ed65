"""The requests of OpenAI's SDKs, and what Gemtap makes of them.

`python -m tests.surface.openai` writes `openai.json` anew, from the SDKs that `make test-clients` has installed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gemtap.providers.registry import PROVIDERS
from gemtap.providers.routing import match

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
METHODS = HERE / "openai.json"
PYTHON = ROOT / ".venv" / "clients" / "openai"
JAVASCRIPT = ROOT / "tests" / "clients" / "js" / "node_modules" / "openai-6"

_PYTHON = re.compile(r'self\._(get|post|put|patch|delete|get_api_list)\(\s*(?:path_template\(\s*)?f?"(/[^"?]*)')
_PYTHON_SESSION = re.compile(r'rstrip\(b"/"\) \+ (?:path_template\()?b?"(/[^"]+)"')
_JAVASCRIPT = re.compile(r"this\._client\.(get|post|put|patch|delete|getAPIList)\(\s*(?:path\s*)?['`](/[^'`?]*)")


@dataclass(frozen=True)
class Method:
    """One request of an SDK."""

    method: str
    path: str
    """With `{}` in the place of each id."""

    @property
    def example(self) -> str:
        """The path as a client of Gemtap calls it, with names in place of its parameters."""
        return "/openai/v1" + self.path.replace("{}", "abc_123")

    def read(self) -> str:
        """The operation."""
        route = match(self.example.encode())
        if route is None or route.provider != "openai":
            return "no route"
        return PROVIDERS["openai"].reader.operation(self.method, route.path.decode())[0]


@cache
def methods() -> tuple[Method, ...]:
    """Those that are written down, of both SDKs, each once."""
    written = json.loads(METHODS.read_text())
    return tuple(dict.fromkeys(Method(*each.split(" ")) for sdk in written.values() for each in sdk["methods"]))


def requests() -> tuple[tuple[str, str, str], ...]:
    """Provider, HTTP method, and path with `x` in the place of each parameter."""
    return tuple(("openai", each.method, "/v1" + each.path.replace("{}", "x")) for each in methods())


def sdks() -> str:
    """The SDKs and their versions, for people."""
    names = ((name.partition(" for "), each["version"]) for name, each in _written().items())
    return " and ".join(f"{package} {version} for {language}" for (package, _, language), version in names)


def _written() -> dict[str, dict[str, str]]:
    written: dict[str, dict[str, str]] = json.loads(METHODS.read_text())
    return written


def walk() -> dict[str, dict[str, object]]:
    """What the installed SDKs do."""
    (package,) = PYTHON.glob("lib/python*/site-packages/openai")
    (about,) = PYTHON.glob("lib/python*/site-packages/openai-*.dist-info")
    return {
        "openai for Python": {
            "version": about.name.removeprefix("openai-").removesuffix(".dist-info"),
            "methods": sorted(set(_in_python(package))),
        },
        "openai for JavaScript": {
            "version": json.loads((JAVASCRIPT / "package.json").read_text())["version"],
            "methods": sorted(set(_in_javascript(JAVASCRIPT))),
        },
    }


def _in_python(package: Path) -> Iterator[str]:
    for file in package.rglob("resources/**/*.py"):
        source = file.read_text()
        for verb, path in _PYTHON.findall(source):
            yield f"{_verb(verb)} {_template(path)}"
        for path in _PYTHON_SESSION.findall(source):
            yield f"GET {_template(path)}"


def _in_javascript(package: Path) -> Iterator[str]:
    for file in package.rglob("resources/**/*.mjs"):
        for verb, path in _JAVASCRIPT.findall(file.read_text()):
            yield f"{_verb(verb)} {_template(path)}"


def _verb(name: str) -> str:
    return "GET" if name.lower().startswith("get") else name.upper()


def _template(path: str) -> str:
    return re.sub(r"\$?\{[^}]*\}", "{}", path)


def main() -> None:
    METHODS.write_text(json.dumps(walk(), indent=1) + "\n")


if __name__ == "__main__":
    main()
