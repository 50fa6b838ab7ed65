"""The kinds of values that settings have, and how they are read from text."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from gemtap import units
from gemtap.store_kinds import FORMS, file_of, kind_of


def _store(url: str) -> str:
    # The tap loads this module, and must not load a store. `open_store` checks the rest.
    if url and (kind_of(url) is None or file_of(url) == Path()):
        raise ValueError(f"must be {FORMS}")
    return url


def _age(text: str) -> str:
    if text:
        units.parse_age(text)
    return text


def _size(text: str) -> str:
    if text:
        units.parse_size(text)
    return text


def _home_expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as exc:
        raise ValueError(f"{path.parts[0]} does not exist: there is no such user") from exc


def _split(value: Any) -> Any:
    return [part for each in value.split(",") if (part := each.strip())] if isinstance(value, str) else value


def _split_lines(value: Any) -> Any:
    return [line for each in value.splitlines() if (line := each.strip())] if isinstance(value, str) else value


def _patterns(expressions: tuple[str, ...]) -> tuple[str, ...]:
    if expressions:
        # Most have none, and the tap, which starts with every `gemtap serve`, has no use for the library.
        from gemtap.re2_patterns import Pattern

        for expression in expressions:
            Pattern(expression)
    return expressions


def _webhook(url: str) -> str:
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError("must be an http:// or https:// URL")
    return url


def _command(line: str) -> str:
    shlex.split(line)
    return line


StoreUrl = Annotated[str, AfterValidator(_store)]
Age = Annotated[str, AfterValidator(_age)]
Size = Annotated[str, AfterValidator(_size)]
WebhookUrl = Annotated[str, AfterValidator(_webhook)]
Command = Annotated[str, AfterValidator(_command)]
"""As a shell splits it. No shell runs it."""
LocalPath = Annotated[Path, AfterValidator(_home_expanded)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""A list: comma-separated where it comes as one word, as in variables."""
Patterns = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_lines), AfterValidator(_patterns)]
"""A list: one a line where it comes as one word."""


Seconds = Annotated[float, Field(gt=0)]
LogLevel = Literal["debug", "info", "warning", "error"]
Port = Annotated[int, Field(ge=1, le=65535)]
