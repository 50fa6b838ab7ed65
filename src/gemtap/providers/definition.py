"""A provider that the settings describe: `[providers.NAME]` with a dialect and an upstream, or with a preset."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from gemtap.addresses import valid_origin
from gemtap.providers.presets import PRESETS
from gemtap.providers.registry import INSTALLED, prefix_taken_by
from gemtap.providers.wire_check import is_usable_name

_PREFIX: Final = re.compile(r"[a-z][a-z0-9-]{0,40}")
_HEADER: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
"""A field name of RFC 9110, in lower case."""

_REFERENCE: Final = re.compile(r"\$\{(file:)?([^{}]+)\}")

_NEVER_ADDED: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "content-type", "content-encoding"}
)


def _dialect(name: str) -> str:
    if name not in INSTALLED:
        raise ValueError(f"must be the API that it speaks: {', '.join(INSTALLED)}")
    return name


def _prefix(prefix: str) -> str:
    if not _PREFIX.fullmatch(prefix):
        raise ValueError("must be small letters, digits and hyphens, as in /my-gateway/v1/...")
    taken = prefix_taken_by(prefix)
    if taken is not None:
        raise ValueError(f"is taken: paths of {taken} begin with /{prefix}")
    return prefix


def _preset(name: str) -> str:
    if name and name not in PRESETS:
        raise ValueError(f"must be one of {', '.join(PRESETS)}")
    return name


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    found = {name.lower(): value for name, value in headers.items()}
    for name, value in found.items():
        if not _HEADER.fullmatch(name) or name in _NEVER_ADDED:
            raise ValueError(f"{name} is not a header that can be added")
        if "\n" in value or "\r" in value:
            raise ValueError(f"the value of {name} has a line break")
    return found


class ModelPrice(BaseModel):
    """US dollars for a million tokens of one model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Annotated[Decimal, Field(ge=0)]
    output: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    cached: Annotated[Decimal | None, Field(ge=0)] = None
    """Input that the API had cached; None for the price of other input."""


class Definition(BaseModel):
    """One provider of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    preset: Annotated[str, AfterValidator(_preset)] = Field(
        "", description=f"Takes every other setting from a well-known API: {', '.join(PRESETS)}."
    )
    dialect: Annotated[str, AfterValidator(_dialect)] = Field(
        description="The API that it speaks: `openai`, `anthropic`, `gemini` or another name that `gemtap providers` "
        "lists."
    )
    upstream: Annotated[str, AfterValidator(valid_origin)] = Field(
        description="Its base URL, with or without the version: https://api.example/v1."
    )
    prefix: Annotated[str, AfterValidator(_prefix)] = Field(
        description="First segment of its paths on the proxy. Default: NAME, with hyphens for underscores."
    )
    title: Annotated[str, Field(pattern=r"^\S.{0,60}$")] = Field(description="Its display name. Default: NAME.")
    prices: str | dict[str, ModelPrice] = Field(
        "",
        description="A provider in genai-prices, such as groq; `free`; or a table of models, each with the price of a "
        "million tokens in US dollars: `input`, `output` and perhaps `cached`. A model may end in a star.",
    )
    key: str = Field("", description="Environment variable from which replays take the key.")
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(
        {},
        repr=False,
        description="Headers to add to requests that lack them. `${NAME}` stands for an "
        "environment variable, `${file:PATH}` for the content of a file.",
    )

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, given: Any) -> Any:
        """The settings with those of the preset where there are none."""
        if not isinstance(given, dict):
            return given
        preset = PRESETS.get(given.get("preset") or "")
        return (asdict(preset) if preset is not None else {}) | given

    def added_headers(self, environment: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
        """The headers to add, with the values of variables and files in place. Raises ValueError, in a clause."""
        return list(self._resolved(environment))

    def _resolved(self, environment: Mapping[str, str]) -> Iterator[tuple[bytes, bytes]]:
        for name, form in self.headers.items():
            value = _REFERENCE.sub(lambda found: _value_of(found, environment), form)
            if not value.isprintable():
                raise ValueError(f"the value of the header {name} has a character that no header has")
            try:
                yield name.encode("ascii"), value.encode("latin-1")
            except UnicodeEncodeError as exc:
                raise ValueError(f"the value of the header {name} has a character that no header has") from exc


def _value_of(reference: re.Match[str], environment: Mapping[str, str]) -> str:
    is_file, name = reference.groups()
    if not is_file:
        if not environment.get(name):
            raise ValueError(f"the environment variable {name} is not set")
        return environment[name]
    try:
        return Path(name).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError, RuntimeError) as exc:
        raise ValueError(f"the file {name} cannot be read ({getattr(exc, 'strerror', None) or exc})") from exc


def with_defaults(name: str, given: Any) -> Any:
    """The settings of one provider as they stand, with the defaults that its name gives.

    Raises PydanticCustomError of type `conflict` for a name that cannot be used.
    """
    if not is_usable_name(name):
        message = "{name} is not a valid provider name: use lower-case letters, digits and underscores, a letter first"
        raise PydanticCustomError("conflict", message, {"settings": (f"providers.{name}",), "name": name})
    if not isinstance(given, dict):
        return given
    preset = given.get("preset") or (name if name in PRESETS and "dialect" not in given else "")
    title = {} if preset in PRESETS else {"title": name}
    return {"preset": preset, "prefix": name.replace("_", "-"), **title} | given


def check_together(definitions: Mapping[str, Definition]) -> None:
    """Raises PydanticCustomError of type `conflict` where two have one prefix."""
    prefixes: dict[str, str] = {}
    for name, each in definitions.items():
        other = prefixes.setdefault(each.prefix, name)
        if other != name:
            settings = (f"providers.{name}.prefix", f"providers.{name}")
            raise PydanticCustomError(
                "conflict", "is taken: providers.{other} has this prefix too", {"settings": settings, "other": other}
            )
