"""The tap as a process: `python -m gemtap.tap.entry DESCRIPTOR`, started by the supervisor."""

from __future__ import annotations

import logging

from gemtap.serving import child_settings, log_to_stderr, run_child
from gemtap.tap.app import make_app
from gemtap.tap.protocol import TapProtocol


def main() -> None:
    """Serve until told to end."""
    settings = child_settings()
    log_to_stderr(settings, "tap")
    # uvicorn reports every answer that an upstream broke off, and tracebacks with them.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    run_child(
        make_app(settings),
        settings,
        grace=settings.shutdown_grace,
        http=TapProtocol,
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main()
