"""`gemtap stats --compare`: what the same tokens would cost on other models."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rich.text import Text

from gemtap.cli.printing import console, dollars, one_line, print_json
from gemtap.cli.reading import checked, open_for_reading
from gemtap.cli.tables import Cell, Column, table_of

if TYPE_CHECKING:
    from gemtap.settings_loading import Loaded
    from gemtap.stores.base import Store
    from gemtap.stores.statistics import StatRow
    from gemtap.stores.statistics.other_models import OtherCost

_COLUMNS: Final = (Column("model", 0, "text"), Column("cost", 1, "number"), Column("without a price", 2, "text"))


def print_other_models(query: list[str] | None, models: Sequence[str], as_json: bool, loaded: Loaded) -> None:
    """Print the recorded cost and that on each of the models."""
    from gemtap.api_schema import OtherModelsQuery, other_models_as_json
    from gemtap.stores.statistics.other_models import ASSUMPTION, costs_on

    asked = checked(OtherModelsQuery, {"q": " ".join(query) if query else None, "models": list(models)})

    async def read(opened: Store) -> Sequence[StatRow]:
        return await opened.statistics(asked.where())

    rows = open_for_reading(loaded.settings, read)
    costs = costs_on(asked.models, rows[0]["tokens"], datetime.now(UTC)) if rows else []
    if as_json:
        print_json(other_models_as_json(rows, costs))
    elif not rows:
        console().print("No matching interactions.")
    else:
        cells = [_recorded(rows[0]), *map(_other, costs)]
        console().print(table_of(_COLUMNS, cells, console().width))
        console().print(Text(f"{ASSUMPTION} Tokens without a price are not in the cost.", "dim"))


def _recorded(row: StatRow) -> list[Cell]:
    unpriced = row["requests"] - row["priced"]
    return [
        Text("as recorded"),
        Text("?" if row["cost"] is None else dollars(row["cost"])),
        Text(f"{unpriced:,} requests" if unpriced else ""),
    ]


def _other(cost: OtherCost) -> list[Cell]:
    missing = ", ".join(f"{number:,} {kind}" for kind, number in cost["missing"].items())
    usd = cost["usd"]
    if usd is None:
        return [one_line(cost["model"], 40), Text("?"), Text("no price of this model is known")]
    return [one_line(cost["model"], 40), Text(dollars(usd)), Text(missing)]
