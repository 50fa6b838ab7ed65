"""Print the requests that the methods of Anthropic's SDK make, out of its own sources.

Runs in the environment of the SDK, without Gemtap: `python walk_anthropic.py` prints `{"version": "2.14.0", "requests":
[["GET", "/v1/models"], ...]}`. Paths have `x` in place of their parameters.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path

_SENDS = {"_get": "GET", "_post": "POST", "_put": "PUT", "_patch": "PATCH", "_delete": "DELETE", "_get_api_list": "GET"}


def requests_in(source: str) -> Iterator[tuple[str, str]]:
    """Method and path of each request in a source file."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in _SENDS
            and node.args
        ):
            path = node.args[0]
            if isinstance(path, ast.Call):  # path_template("/v1/models/{model_id}", model_id=...)
                path = path.args[0]
            if isinstance(path, ast.Constant) and str(path.value).startswith("/"):
                yield _SENDS[node.func.attr], re.sub(r"\{\w+\}", "x", str(path.value).partition("?")[0])


def main() -> None:
    spec = importlib.util.find_spec("anthropic")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    resources = Path(spec.submodule_search_locations[0]) / "resources"
    found = {each for path in resources.rglob("*.py") for each in requests_in(path.read_text("utf-8"))}
    # It is in a variable: the API returns the URL of a batch's results.
    found.add(("GET", "/v1/messages/batches/x/results"))
    print(json.dumps({"version": importlib.metadata.version("anthropic"), "requests": sorted(found)}))


if __name__ == "__main__":
    main()
