"""The limits in force, kept in memory, and which of them hold for a request."""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache
from pathlib import Path
from typing import Final

from gemtap.limits.limit_file import LimitFile
from gemtap.limits.limits import Limit, LimitList
from gemtap.list_file import ListInForce

_REMEMBERED: Final = 512
_LONGEST_NAME: Final = 200


class LimitsInForce(ListInForce[LimitList]):
    """The limits of a data directory. `watch` keeps them current."""

    def __init__(self, data_dir: Path) -> None:
        """Raises OSError if there is a file that cannot be read."""
        self.limits: tuple[Limit, ...] = ()
        self.is_on = False
        """Whether there are limits."""
        self.reads_body = False
        """Whether a limit depends on what the body of a request says: its model, or how much it asks for."""
        self.reads_client = False
        """Whether a limit depends on the name of the client."""
        self._sender_rules: list[tuple[Limit, re.Pattern[str]]] = []
        self._model_rules: list[tuple[Limit, re.Pattern[str]]] = []
        self._of_sender = lru_cache(maxsize=_REMEMBERED)(self._find_of_sender)
        self._of_model = lru_cache(maxsize=_REMEMBERED)(self._find_of_model)
        super().__init__(LimitFile(data_dir))

    def take(self, values: LimitList) -> None:
        """The limits are now these."""
        limits = self.limits = values.limits
        self._by_id = {each.id: each for each in limits}
        self._model_rules = [(each, _pattern(each)) for each in limits if each.scope == "model"]
        self._sender_rules = [(each, _pattern(each)) for each in limits if each.scope != "model"]
        self.reads_body = any(each.scope == "model" or each.measure in ("tokens", "cost") for each in limits)
        self.reads_client = any(each.scope == "client" for each in limits)
        self.is_on = bool(limits)
        self._of_sender.cache_clear()
        self._of_model.cache_clear()

    def by_id(self, id_: int) -> Limit | None:
        """The limit with this id. One that was set this moment may not be known yet."""
        if id_ not in self._by_id:
            self.refresh()
        return self._by_id.get(id_)

    def of_sender(self, user: str | None, client: str | None) -> tuple[Limit, ...]:
        """The limits for all, for a user and for a client, which need no body to be known."""
        return self._of_sender(user, client and client[:_LONGEST_NAME])

    def of_model(self, model: str | None) -> tuple[Limit, ...]:
        """The limits for a model, with or without what stands before its last slash; none if it is None."""
        return self._of_model(model[:_LONGEST_NAME]) if model is not None else ()

    def of_any_model(self) -> tuple[Limit, ...]:
        """The limits of all models: of a request that may be for any."""
        return tuple(limit for limit, _ in self._model_rules)

    def _find_of_sender(self, user: str | None, client: str | None) -> tuple[Limit, ...]:
        names = {"all": "", "user": user, "client": client or ""}
        return tuple(
            limit
            for limit, pattern in self._sender_rules
            if (name := names[limit.scope]) is not None and pattern.fullmatch(name)
        )

    def _find_of_model(self, model: str) -> tuple[Limit, ...]:
        names = (model, model.rpartition("/")[2])
        return tuple(limit for limit, pattern in self._model_rules if any(map(pattern.fullmatch, names)))


def _pattern(limit: Limit) -> re.Pattern[str]:
    if limit.scope in ("model", "client"):
        return re.compile(fnmatch.translate(limit.pattern), re.IGNORECASE)
    return re.compile(re.escape(limit.pattern), re.IGNORECASE)
