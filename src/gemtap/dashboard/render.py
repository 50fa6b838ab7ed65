"""How pages are rendered: the templates, and the filters with which they show what was recorded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from fastapi import Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gemtap import __version__
from gemtap.interaction import Json, iso
from gemtap.settings import Settings, address_of
from gemtap.visible import visible

_SHOWN: Final = 200_000
"""Characters of a body that a page shows. The whole of it is a link away."""


class Render(Protocol):
    """Makes a page of a template."""

    def __call__(
        self, request: Request, template: str, context: dict[str, Any], *, status: int = 200
    ) -> Awaitable[HTMLResponse]:
        """The page, with this status."""
        ...


def make_render(settings: Settings) -> Render:
    """The templates of this package. Whatever they show is escaped, and its unseen characters are made visible."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_seen,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {"moment": iso, "count": count, "duration": duration, "pretty": pretty}
    environment.filters |= filters
    environment.globals |= {"version": __version__, "tap": address_of(settings)}
    templates = Jinja2Templates(env=environment)

    async def render(request: Request, template: str, context: dict[str, Any], *, status: int = 200) -> HTMLResponse:
        # A long body takes tenths of a second, and the recorder runs beside it.
        return await asyncio.to_thread(
            templates.TemplateResponse, request, template, context, status, headers={"cache-control": "no-store"}
        )

    return render


def _seen(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def count(number: int | None) -> str:
    """`1 234 567`; empty for None."""
    return "" if number is None else f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def duration(milliseconds: float | None) -> str:
    """`3 ms`, `1.35 s`, `12.4 s`, `2 min 05 s`; empty for None."""
    if milliseconds is None:
        return ""
    if round(milliseconds) < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if round(seconds, 2) < 10:
        return f"{seconds:.2f} s"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    return f"{round(seconds) // 60} min {round(seconds) % 60:02} s"


class Shown(NamedTuple):
    """A value as a page shows it."""

    text: str
    cut: bool
    """Whether the text is only the beginning."""


def pretty(value: Json, longest: int = _SHOWN) -> Shown:
    """A value as indented text, cut to what a page can show. Of a long one no more is made than is shown."""
    if isinstance(value, str):
        return Shown(value[:longest], len(value) > longest)
    pieces, length = [], 0
    for piece in json.JSONEncoder(ensure_ascii=False, indent=2).iterencode(value):
        pieces.append(piece)
        length += len(piece)
        if length > longest:
            break
    return Shown("".join(pieces)[:longest], length > longest)
