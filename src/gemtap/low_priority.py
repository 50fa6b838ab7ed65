"""A process that gives way to others: recording can wait, the traffic cannot."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

_log = logging.getLogger(__name__)

NICE: Final = 5
"""A third of what a session of ordinary priority gets on a busy machine. With much less, compiling something beside
Gemtap would make the dashboard slow: it is served by the process that records."""

_AUTOGROUP: Final = Path("/proc/self/autogroup")


def give_way() -> None:
    """Lower the priority of this process, and of those that it starts. What the system refuses is left as it is.

    Linux shares processor time among sessions first, and only within a session by the priority of processes
    (`man 7 sched`, autogroup): where it does so, the session of the process gets the priority too. The process has to
    lead a session of its own.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
        if hasattr(os, "SCHED_BATCH"):
            # Never takes the processor from a process that has just been woken, such as the tap by a client.
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        if os.getsid(0) == os.getpid() and _AUTOGROUP.exists():
            _AUTOGROUP.write_text(str(NICE))
    except OSError as exc:
        _log.info("The priority of this process stays as it is: %s", exc)
