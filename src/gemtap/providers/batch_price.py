"""What an exchange costs: one answer, or the results of a batch."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from gemtap.dialects.base import BatchDialect, Dialect
from gemtap.dialects.batch_results import SUCCEEDED
from gemtap.interaction import Cost
from gemtap.providers.prices import add_costs
from gemtap.providers.reader import Bill, Reader


def price_with_results(reader: Reader, dialect: Dialect, bill: Bill) -> Cost | None:
    """The cost at list prices. Results of a batch are priced one by one: prices depend on how long each prompt is."""
    # `isinstance` of a protocol takes as long as finding the price.
    batch = cast(BatchDialect, dialect) if hasattr(dialect, "results") else None
    results = batch.results(bill.operation, bill.response) if batch is not None else None
    if results is None or bill.tokens["total"] is None:
        return reader.price(bill)
    costs = []
    for result in results:
        if result.kind != SUCCEEDED:
            continue
        usage = result.answer.get("usage", result.answer.get("usageMetadata"))
        one = replace(
            bill,
            models=(result.model, *bill.models),
            tokens=result.tokens,
            priced_apart=dialect.priced_apart(usage),
            usage=usage,
            request=None,
            response=result.answer,
            response_headers={},
            in_batch=True,
        )
        costs.append(reader.price(one))
    known = [cost for cost in costs if cost is not None]
    return add_costs(known) if known else None
