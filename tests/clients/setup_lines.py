"""The lines that `gemtap setup` shows, as a person would use them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence

from tests.e2e.running_gemtap import RunningGemtap

_EXPORT = re.compile(r"export (\w+)=(\S+)")


def setup_lines(gemtap: RunningGemtap, client: str) -> Sequence[str]:
    """What `gemtap setup CLIENT` tells to write, with the address of this Gemtap."""
    command = [sys.executable, "-m", "gemtap", "setup", client, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | gemtap.environment)
    lines: list[str] = json.loads(done.stdout)["lines"]
    assert any(str(gemtap.port) in line for line in lines), lines
    return lines


def exported(lines: Sequence[str]) -> dict[str, str]:
    """The variables that lines for a shell set."""
    found = {match[1]: match[2] for line in lines if (match := _EXPORT.fullmatch(line))}
    assert found, lines
    return found
