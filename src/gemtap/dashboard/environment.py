"""The templates of this package, for the desk and for its workers: no web framework is needed to fill one in."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gemtap import __version__
from gemtap.addresses import is_link
from gemtap.control_chars import show_control_chars
from gemtap.conversation.preview import call_form, encrypted_form
from gemtap.conversation.server_tools import shown_as, token_probabilities
from gemtap.dashboard import filters, markup, shown_media, whole_parts
from gemtap.dashboard.columns import THREADS
from gemtap.dashboard.provider_colours import colours
from gemtap.endings import ending_of
from gemtap.interaction import iso

PAGES: Final = (
    ("/threads", "Threads"),
    ("/interactions", "Interactions"),
    ("/analytics", "Analytics"),
    ("/limits", "Limits"),
    ("/access", "Access"),
    ("/health", "Health"),
    ("/setup", "Setup"),
)
"""Where the links at the top of each page lead."""

_SHORTCUTS: Final = {
    "failed": "error:yes",
    "truncated": "finish_reason:MAX_TOKENS",
    "slow": "duration:>30s",
    "expensive": "cost:>0.10",
    "long context": "input:>100k",
    "rated bad": "rating:bad",
    "today": "since:today",
}
"""Questions that come up every day, as they are written into the search."""


class Site(NamedTuple):
    """What is the same on every page of one desk."""

    tap: str
    """The proxy's address."""
    token: str
    """What a page shows to change something, see `gemtap.dashboard.token`."""


def fill_in(site: Site, template: str, context: dict[str, Any]) -> str:
    """A page. Whatever it shows is escaped, and its control characters are made visible."""
    return _environment(site).get_template(template).render(context)


@cache
def _environment(site: Site) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_seen,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    own: dict[str, Callable[..., Any]] = {
        "ending": ending_of,
        "moment": iso,
        "count": filters.count,
        "duration": filters.duration,
        "dollars": filters.dollars,
        "size": filters.size,
        "along": filters.along,
        "pretty": filters.pretty,
        "folded": filters.folded,
        "markdown": markup.markdown,
        "code": markup.code,
        "fields": whole_parts.fields_of,
        "call_form": lambda call: call_form(call.name, call.arguments),
        "encrypted_form": encrypted_form,
        "media_kind": shown_media.media_kind,
        "is_link": is_link,
        "shown_as": shown_as,
        "token_probabilities": token_probabilities,
    }
    environment.filters |= own
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    environment.globals |= {"version": __version__, "tap": site.tap, "token": site.token}
    environment.globals |= {"providers": list(colours()), "shortcuts": _SHORTCUTS}
    environment.globals["thread_columns"] = THREADS
    return environment


def _seen(value: Any) -> Any:
    return show_control_chars(value) if isinstance(value, str) and not isinstance(value, Markup) else value
