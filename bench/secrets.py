"""What replacing credentials costs the proxy: `python -m bench.secrets`, half a minute.

The work on one request body and one response, beside the same with nothing to look for, in turns. Ratios: the machine
cancels out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from statistics import median
from typing import Final

from gemtap.providers.declared_secrets import secrets_of
from gemtap.providers.secrets import Paths
from gemtap.tap.cleaning import CleanBody
from gemtap.tap.credentials import Fingerprints, redact_request

_PIECE: Final = 65_536
_ROUNDS: Final = 15
_CODE: Final = (
    'def read(path):\n    with open(path, "rb") as file:\n        return json.loads(file.read())["items"]\n' * 20
)
_MCP: Final = {"headers": {"Authorization": "Bearer bench-0123456789abcdef"}}


def _body(megabytes: float, *tools: object) -> bytes:
    turn = {"role": "user", "parts": [{"functionResponse": {"name": "read", "response": {"output": _CODE}}}]}
    count = int(megabytes * 1e6 / len(json.dumps(turn)))
    return json.dumps({"contents": [turn] * count, "tools": tools}).encode()


def _pass(body: bytes, paths: Paths | None) -> None:
    """Send the body through as the tap does: `paths` None is the copying alone."""
    redacted = redact_request(
        [(b"x-goog-api-key", b"AIzaSyBench-0123456789_abcdefghijklmnop")], b"", Fingerprints(b"bench")
    )
    clean = None
    if paths is not None:
        clean = CleanBody(redacted, paths, encoding=None, content_type=b"application/json", is_request=True)
    kept = []
    for at in range(0, len(body), _PIECE):
        piece = body[at : at + _PIECE]
        kept.append(clean.add(piece).text if clean is not None else piece)
    if clean is not None:
        kept.append(clean.end(whole=True).text)
    b"".join(kept)


def _milliseconds(work: Callable[[], None]) -> float:
    began_at = time.perf_counter()
    work()
    return (time.perf_counter() - began_at) * 1e3


def main() -> None:
    """Print the table."""
    paths = secrets_of("gemini").everywhere.request
    schema = {"functionDeclarations": [{"parameters": {"properties": {"headers": {"type": "object"}}}}]}
    bodies = {
        "no secret": _body(3),
        "a tool with a parameter `headers`": _body(3, schema),
        "headers of an MCP server": _body(3, _MCP),
    }
    print("| 3 MB request | json.loads | search and masking | ratio to json.loads |\n|---|---|---|---|")
    for name, body in bodies.items():
        parse, clean, copy = [], [], []
        for _ in range(_ROUNDS):
            parse.append(_milliseconds(lambda body=body: json.loads(body)))  # type: ignore[misc]
            copy.append(_milliseconds(lambda body=body: _pass(body, None)))  # type: ignore[misc]
            clean.append(_milliseconds(lambda body=body: _pass(body, paths)))  # type: ignore[misc]
        cost = median(clean) - median(copy)
        print(f"| {name} | {median(parse):.1f} ms | {cost:.1f} ms | {cost / median(parse):.2f} |")


if __name__ == "__main__":
    main()
