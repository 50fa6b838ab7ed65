"""A password that is given on the command line does not stay there."""

from __future__ import annotations

import pytest
import typer

from gemtap.cli import hidden_arguments
from gemtap.cli.app import app, register
from gemtap.cli.hidden_arguments import masked_arguments

STORE = "mongodb://user:swordfish@host/db"
MASKED = "mongodb://user:***@host/db"


@pytest.mark.parametrize(
    ("arguments", "masked"),
    [
        (["serve", "--store", STORE, "--port", "1"], ["serve", "--store", MASKED, "--port", "1"]),
        (["ls", f"--store={STORE}"], ["ls", f"--store={MASKED}"]),
        (["copy", "--to", STORE, "--store", STORE], ["copy", "--to", MASKED, "--store", MASKED]),
        (["copy", f"--to={STORE}"], ["copy", f"--to={MASKED}"]),
        (["serve", "--upstream", "gemini=http://u:swordfish@h"], ["serve", "--upstream", "gemini=http://u:***@h"]),
        (["serve", "--upstream=vertex=http://u:swordfish@h"], ["serve", "--upstream=vertex=http://u:***@h"]),
        (["replay", "ID", "--upstream", "http://u:sw=ordfish@h"], ["replay", "ID", "--upstream", "http://u:***@h"]),
        # Not well-formed, and yet somebody's password.
        (["ls", "--store", "user:swordfish@host"], ["ls", "--store", "user:***@host"]),
        (["ls", "--store", "mongodb://user:sword fish@"], ["ls", "--store", "mongodb://user:***@"]),
        (["ls", "-s", f"x={STORE}"], ["ls", "-s", f"x={MASKED}"]),
        (["show", STORE], ["show", MASKED]),
    ],
)
def test_passwords_are_masked(arguments: list[str], masked: list[str]) -> None:
    """Whatever the command and the flag are, and however they are written."""
    assert masked_arguments(arguments) == masked


@pytest.mark.parametrize(
    "arguments",
    [
        ["ls", "--store", "mongodb://host/db"],
        ["ls", "--store"],
        ["serve", "--upstream", "gemini=http://localhost:80", "--port", "1"],
        ["copy", "--to", "sqlite:///a:b@c.db"],
        ["note", "ID", "mail a:b@c, see http://localhost:80/"],
        [],
    ],
)
def test_arguments_without_a_password_stay(arguments: list[str]) -> None:
    """The process is not started anew for them."""
    assert masked_arguments(arguments) == arguments


def test_every_flag_with_an_address_is_known() -> None:
    """A new flag that takes an address has to be added, so that also one that is not well-formed is masked."""
    register()
    flags = {
        option
        for command in typer.main.get_command(app).commands.values()  # type: ignore[attr-defined]
        for parameter in command.params
        for option in parameter.opts
        if "URL" in (parameter.metavar or "") or "://" in (getattr(parameter, "help", None) or "")
    }
    assert flags == set(hidden_arguments._FLAGS)
