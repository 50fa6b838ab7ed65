"""The tap as a process: `python -m gemtap.tap.entry DESCRIPTOR`, started by the supervisor."""

from __future__ import annotations

import logging

from gemtap.serving import child_settings, log_to_stderr, run_child
from gemtap.tap.app import make_app
from gemtap.tap.protocol import TapProtocol
from gemtap.tap.relay import MAX_MESSAGE
from gemtap.tap.session_protocol import SessionProtocol


def main() -> None:
    """Serve until a signal to stop."""
    settings = child_settings()
    log_to_stderr(settings, "tap")
    # uvicorn reports every answer that an upstream broke off, and tracebacks with them.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    run_child(
        make_app(settings),
        settings,
        grace=settings.shutdown_grace,
        http=TapProtocol,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        timeout_keep_alive=75,
        ws=SessionProtocol,
        ws_max_size=MAX_MESSAGE,
        # Every ping of ours, and every compression that we offer, would be one that the upstream knows nothing of.
        ws_ping_interval=None,
        ws_per_message_deflate=False,
    )


if __name__ == "__main__":
    main()
