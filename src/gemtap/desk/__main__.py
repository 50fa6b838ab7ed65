"""Serve until told to exit."""

from __future__ import annotations

import logging
from typing import Final

from gemtap.desk.app import make_desk
from gemtap.low_priority import give_way
from gemtap.serving import child_settings, log_to_stderr, run_child

_GRACE: Final = 2.0
"""Seconds that responses of the dashboard have to finish at shutdown."""


def main() -> None:
    """Serve until told to exit."""
    give_way()
    settings = child_settings()
    log_to_stderr(settings, "desk")
    # Its messages about starts and exits are of no use to readers of this log.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    has_tls = settings.dashboard_scheme == "https"
    run_child(
        make_desk(settings),
        settings,
        grace=_GRACE,
        ssl_certfile=settings.tls_cert if has_tls else None,
        ssl_keyfile=settings.tls_key if has_tls else None,
    )


if __name__ == "__main__":
    main()
