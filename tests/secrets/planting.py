"""Bodies with a canary at each place at which `fields.json` says that a secret stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.secrets.inventory import FIELDS

PROVIDERS = {"google_genai": "gemini", "openai": "openai", "anthropic": "anthropic"}

_STEP = re.compile(r"\.([^.\[]+)|(\[\])")


@dataclass(frozen=True)
class Planted:
    """One kind of body."""

    provider: str
    method: str
    path: str
    """With made-up ids."""
    direction: str
    """`request`, `response`, or `event` of a stream."""
    canaries: Mapping[str, str]
    """By place."""

    @property
    def body(self) -> bytes:
        """JSON that has them all."""
        body: Any = {}
        for at, canary in self.canaries.items():
            body = grown(body, _STEP.findall(at), canary)
        return json.dumps(body).encode()

    def __str__(self) -> str:
        return f"{self.provider} {self.method} {self.path} {self.direction}"


def grown(value: Any, steps: list[tuple[str, str]], canary: str) -> Any:
    """A JSON value with a canary at the end of these steps. Where a scalar and an object clash, a list has both."""
    if not steps:
        return canary if value in ({}, None) else [*(value if isinstance(value, list) else [value]), canary]
    (name, _index), rest = steps[0], steps[1:]
    if not name:
        items = value if isinstance(value, list) else [] if value in ({}, None) else [value]
        return [*items, grown({}, rest, canary)]
    if isinstance(value, list | str):
        return [*(value if isinstance(value, list) else [value]), grown({}, steps, canary)]
    name = "X-Any-Name" if name == "*" else name
    return {**value, name: grown(value.get(name, {}), rest, canary)}


def planted() -> Iterator[Planted]:
    """Every kind of body with a secret in it. Google's APIs read both spellings of a name, and so both are planted."""
    number = 0
    for sdk, found in json.loads(FIELDS.read_text()).items():
        for kind in found["bodies"]:
            places = list(kind["at"])
            if sdk == "google_genai":
                places += [spelt for at in places if (spelt := respelt(at)) not in places]
            canaries = {}
            for at in places:
                number += 1
                canaries[at.removeprefix("[]")] = f"canary-{number:05}-zyxwvutsrqponm"
            provider = "vertex" if kind["path"].startswith("/v1beta1/") else PROVIDERS[sdk]
            yield Planted(provider, kind["method"], real_path(kind["path"]), kind["direction"], canaries)


def respelt(at: str) -> str:
    """The place with its names in the other spelling: `.authConfig` for `.auth_config`."""
    if "_" in at:
        return re.sub(r"_([a-z])", lambda match: match[1].upper(), at)
    return re.sub(r"([A-Z])", lambda match: f"_{match[1].lower()}", at)


def real_path(path: str) -> str:
    """The path with made-up values in its braces."""
    path = path.replace("{api_version}", "v1beta").replace("{version}", "v1beta").replace("{model}", "models/m-1")
    path = path.replace("/v1beta1/publishers", "/v1beta1/projects/p/locations/us-central1/publishers")
    return re.sub(r"{[^}]*}", "id-1", path)
