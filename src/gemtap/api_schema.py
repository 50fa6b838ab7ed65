"""The parameters and answers of the JSON API, which the command line shares.

No web framework is imported here: `gemtap ls` would pay for it at every start.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from bson import ObjectId
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator

from gemtap.interaction import Json, Outcome, to_json
from gemtap.stores.base import Filter
from gemtap.stores.paging import Page
from gemtap.stores.query.parsing import parse
from gemtap.stores.sorting import ListSort
from gemtap.stores.statistics import Bucket, By, StatRow, ToolRow
from gemtap.stores.statistics.other_models import ASSUMPTION, USUAL, OtherCost
from gemtap.stores.thread_list import ThreadPage, ThreadSort


def _object_id(value: Any) -> ObjectId:
    if not ObjectId.is_valid(value):
        raise ValueError(f"{str(value)[:100]!r} is not an id: ids have 24 hexadecimal digits")
    return ObjectId(value)


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except OverflowError as exc:
        raise ValueError("not a time between the years 1 and 9999 (UTC)") from exc


def _query(text: str) -> str:
    parse(text, datetime.now(UTC))
    return text


Id = Annotated[ObjectId, PlainValidator(_object_id)]
Moment = Annotated[datetime, AfterValidator(_utc)]
QueryText = Annotated[str, AfterValidator(_query)]
Limit = Annotated[int, Field(ge=1, le=500)]


class Conditions(BaseModel):
    """Which interactions match. Times are ISO 8601, in UTC unless they name a zone."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    provider: str | None = None
    model: str | None = None
    operation: str | None = None
    outcome: Outcome | None = None
    status: Annotated[int, Field(ge=100, le=999)] | None = None
    client: str | None = None
    thread: Id | None = None
    since: Moment | None = None
    until: Moment | None = None
    q: QueryText | None = None
    """A query; docs/queries.md describes the language."""

    def where(self) -> Filter:
        """The filter in which every given condition must hold."""
        fields = Conditions.model_fields.keys() - {"q"}
        conditions = Filter(**{name: getattr(self, name) for name in fields})
        return conditions if self.q is None else conditions & parse(self.q, datetime.now(UTC))


class ListQuery(Conditions):
    """Parameters of the list of interactions."""

    limit: Limit = 50
    cursor: str | None = None
    """`next` of the previous page."""
    sort: ListSort = "newest"
    """The order. Numbers are in descending order, and need conditions that an index has."""


class StatisticsQuery(Conditions):
    """Parameters of statistics: one row for each bucket and key, or a single row if neither is given."""

    bucket: Bucket | None = None
    """The period that a row covers, in UTC. Weeks begin on Monday."""
    by: By | None = None
    """The field by which rows are grouped."""


class ToolsQuery(Conditions):
    """Parameters of the statistics of tools."""


class OtherModelsQuery(Conditions):
    """Parameters of the cost on other models."""

    models: Annotated[list[str], Field(min_length=1, max_length=50)] = list(USUAL)
    """Names of the models, such as `gpt-5`."""


class ThreadsQuery(Conditions):
    """Parameters of the list of threads. A thread is listed if one of its interactions matches."""

    limit: Limit = 50
    cursor: str | None = None
    """`next` of the previous page."""
    sort: ThreadSort = "latest"
    """The sort key, in descending order."""


def page_as_json(page: Page) -> dict[str, Json]:
    """A page of interactions, as the API and `ls --json` print it."""
    return {"items": [to_json(item) for item in page.items], "next": page.next}


def statistics_as_json(rows: Sequence[StatRow]) -> dict[str, Json]:
    """Statistics, as the API and `stats --json` print them."""
    return {"rows": [to_json(row) for row in rows]}


def tools_as_json(rows: Sequence[ToolRow]) -> dict[str, Json]:
    """Statistics of tools, as the API and `stats --by tool --json` print them."""
    return {"rows": [to_json(row) for row in rows]}


def other_models_as_json(rows: Sequence[StatRow], costs: Sequence[OtherCost]) -> dict[str, Json]:
    """The recorded cost and those on other models, as the API and `stats --compare --json` print them."""
    return {"cost": rows[0]["cost"] if rows else None, "rows": list(costs), "assumption": ASSUMPTION}


def threads_as_json(page: ThreadPage) -> dict[str, Json]:
    """A page of threads, as the API and `threads --json` print it."""
    return {"items": [to_json(item) for item in page.items], "next": page.next}


def encoded(value: Json) -> bytes:
    """JSON in UTF-8. Raises ValueError for `NaN` and infinities, which no document holds."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
