"""Print the requests that google-genai's methods make, out of its own sources.

Runs in the environment of the SDK, without Gemtap: `python walk_methods.py`. It prints `{"version": "3.6.1", "methods":
[{"name", "api", "method", "path"}]}`: the API is `gemini` or `vertex`; paths are templates without host and project.
"""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import inspect
import json
import pkgutil
import re
import textwrap
import types
import warnings
from collections.abc import Iterator
from typing import Any

MODULES = ("batches", "caches", "documents", "file_search_stores", "files", "models", "operations", "tokens", "tunings")


def classic() -> Iterator[dict[str, str]]:
    """The hand-shaped modules, which make one request for each of the two APIs."""
    base = importlib.import_module("google.genai._api_module").BaseModule
    for name in MODULES:
        for cls in vars(importlib.import_module(f"google.genai.{name}")).values():
            if not (isinstance(cls, type) and issubclass(cls, base) and cls is not base):
                continue
            if cls.__name__.startswith("Async"):
                continue
            for title, function in vars(cls).items():
                if inspect.isfunction(function):
                    yield from requests_in(f"{cls.__name__}.{title.strip('_')}", function)


def requests_in(name: str, function: Any) -> Iterator[dict[str, str]]:
    """The requests of one method; none where it makes none itself."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    method = next((sent for node in ast.walk(tree) if (sent := method_of(node)) is not None), None)
    if method is None:
        return
    found = set()
    for api, nodes in by_api(tree):
        for node in nodes:
            for each in ast.walk(node):
                path = path_in(each)
                if path is not None and (api, path) not in found:
                    found.add((api, path))
                    yield {"name": name, "api": api, "method": method, "path": path}


def method_of(node: ast.AST) -> str | None:
    """`POST` of `self._api_client.request('post', path, ...)`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        first = node.args[0]
        if node.func.attr in ("request", "request_streamed") and isinstance(first, ast.Constant):
            return str(first.value).upper()
        if node.func.attr == "download_file":
            return "GET"
    return None


def by_api(tree: ast.AST) -> Iterator[tuple[str, list[ast.stmt]]]:
    """The branches of each `if self._api_client.vertexai`; without one, the whole is the Gemini API's."""
    split = False
    for node in ast.walk(tree):
        test = ast.unparse(node.test) if isinstance(node, ast.If) else ""
        if isinstance(node, ast.If) and test in ("self._api_client.vertexai", "not self._api_client.vertexai"):
            split = True
            yield "gemini" if test.startswith("not") else "vertex", node.body
            yield "vertex" if test.startswith("not") else "gemini", node.orelse
    if not split:
        yield "gemini", [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]


def path_in(node: ast.AST) -> str | None:
    """The path that a statement assigns."""
    if not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("path", "endpoint_url")):
        return None
    if isinstance(node.value, ast.JoinedStr) and "{path}" not in (text := ast.unparse(node.value)[2:-1]):
        return text.replace("{{", "{").replace("}}", "}")
    values = [each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant)]
    text = next((value for value in values if isinstance(value, str) and value), "_url")
    return text.partition("?")[0] if text != "_url" and "{{" not in text else None


def generated() -> Iterator[dict[str, str]]:
    """The generated resources: Interactions and what belongs to them. Both APIs have their paths."""
    base = importlib.import_module("google.genai._gaos.basesdk").BaseSDK
    for module in modules_below("google.genai._gaos"):
        for cls in vars(module).values():
            if not (isinstance(cls, type) and issubclass(cls, base) and cls.__module__ == module.__name__):
                continue
            for title, function in vars(cls).items():
                if not inspect.isfunction(function) or title.endswith("_async"):
                    continue
                for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
                    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("_build_request"):
                        given = {each.arg: each.value for each in node.keywords}
                        method, path = (str(given[name].value) for name in ("method", "path"))  # type: ignore[attr-defined]
                        for api in ("gemini", "vertex"):
                            yield {"name": f"{cls.__name__}.{title}", "api": api, "method": method, "path": path}


def modules_below(name: str) -> Iterator[types.ModuleType]:
    package = importlib.import_module(name)
    for each in pkgutil.walk_packages(package.__path__, f"{name}."):
        yield importlib.import_module(each.name)


def sessions() -> Iterator[dict[str, str]]:
    """The paths of WebSockets in the sources of the modules that open them."""
    for name in ("live", "live_music"):
        source = inspect.getsource(importlib.import_module(f"google.genai.{name}"))
        methods = re.findall(r"'(BidiGenerate\w+)'", source)
        for path in re.findall(r"/ws/google[^'\"?]*", source):
            for method in methods if "{method}" in path else [""]:
                api = "vertex" if "aiplatform" in path else "gemini"
                whole = path.replace("{method}", method)
                yield {"name": f"{name}.connect", "api": api, "method": "GET", "path": whole}
    source = inspect.getsource(importlib.import_module("google.genai._interactions_websocket"))
    for path in re.findall(r"'(interactions/\w+)'", source):
        for api in ("gemini", "vertex"):
            yield {"name": "interactions.connect", "api": api, "method": "GET", "path": "/{api_version}/" + path}


def main() -> None:
    warnings.simplefilter("ignore")
    rows = [*classic(), *generated(), *sessions()]
    distinct = {tuple(row.items()): row for row in rows}
    methods = sorted(distinct.values(), key=lambda row: (row["path"], row["method"], row["api"], row["name"]))
    print(json.dumps({"version": importlib.metadata.version("google-genai"), "methods": methods}))


if __name__ == "__main__":
    main()
