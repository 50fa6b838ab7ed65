"""Which fields of the published types hold a secret: what is found in the SDKs, put together with `decisions.toml`.

`python -m tests.secrets.inventory` writes `fields.json` anew from the SDKs in `.venv/clients`.
"""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent.parent / ".venv" / "clients"
FIELDS = HERE / "fields.json"
# Which environment each SDK is installed in.
SDKS = {"google_genai": "google-genai-3", "openai": "openai", "anthropic": "anthropic"}


@dataclass(frozen=True)
class Decision:
    """What `decisions.toml` says of a field."""

    secret: bool
    pattern: str


@cache
def decisions() -> Sequence[Decision]:
    """The patterns in the order in which they are tried: what is secret comes first."""
    with (HERE / "decisions.toml").open("rb") as file:
        written = tomllib.load(file)
    return [
        Decision(kind == "secret", pattern)
        for kind in ("secret", "public")
        for group in written[kind]
        for pattern in group["fields"]
    ]


def decided(field: str) -> Decision | None:
    """The decision on a field, None where nobody has made one yet."""
    return next((decision for decision in decisions() if fnmatchcase(field, decision.pattern)), None)


def walked(sdk: str) -> dict[str, Any]:
    """What `walk_types.py` finds in an SDK."""
    secret = [decision.pattern for decision in decisions() if decision.secret]
    done = subprocess.run(
        [ENVIRONMENTS / SDKS[sdk] / "bin" / "python", HERE / "walk_types.py", sdk],
        input=json.dumps(secret),
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode:
        raise RuntimeError(f"walk_types.py {sdk}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@dataclass(frozen=True)
class Inventory:
    """What the SDKs have."""

    undecided: list[str]  # `SDK: Class.field`, of which `decisions.toml` says nothing
    unused: list[str]  # patterns that name no field any more
    fields: Mapping[str, Any]  # what `fields.json` holds


def inventory() -> Inventory:
    """Walk all SDKs."""
    with ThreadPoolExecutor() as pool:
        found = dict(zip(SDKS, pool.map(walked, SDKS), strict=True))
    names = [(sdk, name) for sdk, what in found.items() for name in what["fields"]]
    return Inventory(
        [f"{sdk}: {name}" for sdk, name in names if decided(name) is None],
        [one.pattern for one in decisions() if not any(fnmatchcase(name, one.pattern) for _sdk, name in names)],
        {sdk: {"version": what["version"], "bodies": bodies(what["uses"])} for sdk, what in found.items()},
    )


def bodies(uses: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """The uses, those in one kind of body together: `{"method", "path", "direction", "at": {PLACE: FIELD}}`."""
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for use in uses:
        found.setdefault((use["path"], use["method"], use["direction"]), {})[use["at"]] = use["field"]
    return [
        {"method": method, "path": path, "direction": direction, "at": dict(sorted(places.items()))}
        for (path, method, direction), places in sorted(found.items())
    ]


def main() -> None:
    found = inventory()
    for name in found.undecided:
        print(f"decisions.toml says nothing of {name}")
    for pattern in found.unused:
        print(f"decisions.toml names what no SDK has: {pattern}")
    FIELDS.write_text(json.dumps(found.fields, indent=1) + "\n")


if __name__ == "__main__":
    main()
