"""How pages are rendered: the templates, and the filters with which they show what was recorded."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from fastapi import Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gemtap import __version__
from gemtap.control_chars import show_control_chars
from gemtap.dashboard import conversation_view, markup
from gemtap.dashboard.health import Health
from gemtap.interaction import Json, iso
from gemtap.providers.gemini_preview import call_form
from gemtap.settings import Settings, address_of

_SHOWN: Final = 200_000
"""Characters of a body that a page shows. The whole of it is a link away."""


class Render(Protocol):
    """Makes a page of a template."""

    def __call__(
        self, request: Request, template: str, context: dict[str, Any], *, status: int = 200
    ) -> Awaitable[HTMLResponse]:
        """The page, with this status."""
        ...


Look = Callable[[], Awaitable[Health]]
"""How recording goes: every page says so when it does not."""

PAGES: Final = (
    ("/", "Interactions"),
    ("/threads", "Threads"),
    ("/analytics", "Analytics"),
    ("/health", "Health"),
    ("/setup", "Setup"),
)
"""Where the links at the top of each page lead."""

_SHORTCUTS: Final = {
    "failed": "error:yes",
    "cut off": "finish_reason:MAX_TOKENS",
    "slow": "duration:>30s",
    "dear": "cost:>0.10",
    "large": "input:>100k",
    "rated bad": "rating:bad",
    "today": "since:today",
}
"""Questions that come up every day, as they are written into the search."""

_PROVIDERS: Final = ("gemini", "vertex", "code_assist", "openai")
"""Those with a colour of their own."""


def make_render(settings: Settings, token: str) -> Render:
    """The templates of this package. Whatever they show is escaped, and its unseen characters are made visible."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_seen,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "moment": iso,
        "count": count,
        "duration": duration,
        "dollars": dollars,
        "size": size,
        "along": along,
        "pretty": pretty,
        "markdown": markup.markdown,
        "code": markup.code,
        "json_code": markup.json_code,
        "fields": conversation_view.fields_of,
        "call_form": lambda call: call_form(call.name, call.arguments),
        "media_kind": conversation_view.media_kind,
    }
    environment.filters |= filters
    environment.globals |= {"version": __version__, "tap": address_of(settings), "token": token}
    environment.globals |= {"pages": PAGES, "providers": _PROVIDERS, "shortcuts": _SHORTCUTS}
    templates = Jinja2Templates(env=environment)

    async def render(request: Request, template: str, context: dict[str, Any], *, status: int = 200) -> HTMLResponse:
        # A long body takes tenths of a second, and the recorder runs beside it.
        return await asyncio.to_thread(
            templates.TemplateResponse, request, template, context, status, headers={"cache-control": "no-store"}
        )

    return render


def _seen(value: Any) -> Any:
    return show_control_chars(value) if isinstance(value, str) and not isinstance(value, Markup) else value


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


def dollars(usd: float | None) -> str:
    """`$12.34`, `$0.0123`, `$0.000012`: so many digits that something is seen. Empty for None."""
    if usd is None:
        return ""
    if usd >= 1 or usd == 0:
        return f"${usd:,.2f}"
    return f"${usd:.{min(8, 1 - math.floor(math.log10(usd)))}f}"


def size(number: float | None) -> str:
    """Bytes as a person reads them: `900 B`, `12.3 kB`, `4.0 MB`; empty for None."""
    if number is None:
        return ""
    value, unit = float(number), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def along(milliseconds: float | None) -> float:
    """Where a duration stands between 10 ms and 2 minutes, in percent of a logarithmic scale."""
    if not milliseconds or milliseconds <= 10:
        return 1.0
    return round(min(100 * math.log10(milliseconds / 10) / math.log10(12_000), 100), 1)


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
