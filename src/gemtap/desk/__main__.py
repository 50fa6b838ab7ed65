"""Serve until told to end."""

from __future__ import annotations

import logging
from typing import Final

from gemtap.desk.app import make_desk
from gemtap.serving import child_settings, log_to_stderr, run_child

_GRACE: Final = 2.0
"""Seconds that readers of the dashboard get at shutdown."""


def main() -> None:
    """Serve until told to end."""
    settings = child_settings()
    log_to_stderr(settings, "desk")
    # What they tell of starts, ends and changes says nothing to those who read this log.
    for name in ("uvicorn", "watchfiles"):
        logging.getLogger(name).setLevel(logging.WARNING)
    run_child(make_desk(settings), settings, grace=_GRACE)


if __name__ == "__main__":
    main()
