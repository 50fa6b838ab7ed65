"""Passwords on the command line: every user of the machine can read it, so the process starts anew without them.

The new process has the same arguments with `***` in place of each password, and the true ones in a variable of its
environment, which only its own user can read.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from typing import Final

from gemtap.addresses import has_password, mask

_VARIABLE: Final = "GEMTAP_HIDDEN_ARGUMENTS"
"""JSON: the true arguments by their positions. Not a setting: it is taken out before settings are read."""

_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_FLAGS: Final = ("--store", "--upstream", "--to")
"""Their values are addresses even where they are not well-formed."""


def hide_passwords() -> None:
    """Start anew if an argument has a password in it; in the process that was started so, restore the arguments."""
    hidden = os.environ.pop(_VARIABLE, None)
    if hidden is not None:
        for at, argument in json.loads(hidden).items():
            sys.argv[int(at)] = argument
        return
    masked = [sys.argv[0], *masked_arguments(sys.argv[1:])]
    true = {at: argument for at, argument in enumerate(sys.argv) if argument != masked[at]}
    if not true:
        return
    print(
        "gemtap: A password on the command line stays in the shell's history. Put the address in a variable: "
        'GEMTAP_STORE for --store, any other of the shell for the rest, such as --to "$TARGET".',
        file=sys.stderr,
        flush=True,
    )
    before = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv) + 1]
    environment = {**os.environ, _VARIABLE: json.dumps(true)}
    os.execve(sys.executable, [sys.executable, *before, *masked[1:]], environment)  # noqa: S606


def masked_arguments(arguments: Sequence[str]) -> list[str]:
    """The arguments with `***` for every password in them."""
    masked = []
    flag = None
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if flag is not None:
            masked.append(_masked_value(flag, argument))
        elif equals and name in _FLAGS:
            masked.append(f"{name}={_masked_value(name, value)}")
        else:
            masked.append(_masked(argument))
        flag = argument if argument in _FLAGS and flag is None else None
    return masked


def _masked_value(flag: str, value: str) -> str:
    """The value of a flag that is an address, or PROVIDER=URL."""
    provider, equals, url = value.partition("=")
    if flag == "--upstream" and equals and _ADDRESS.search(provider) is None:
        return f"{provider}={_masked_address(url)}"
    return _masked_address(value)


def _masked_address(address: str) -> str:
    return mask(address) if has_password(address) else address


def _masked(argument: str) -> str:
    """An argument that may have an address in it, whatever stands before."""
    found = _ADDRESS.search(argument)
    return argument if found is None else argument[: found.start()] + _masked_address(argument[found.start() :])
