"""What commands say of themselves."""

from __future__ import annotations

import re
import shlex

import pytest
import typer
from typer.core import TyperGroup

from gemtap import __version__
from gemtap.cli.app import app, register
from tests.unit.cli.conftest import run, shown

register()
GROUP = typer.main.get_command(app)
assert isinstance(GROUP, TyperGroup)
COMMANDS = GROUP.commands


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_an_example_that_its_own_parser_takes(name: str) -> None:
    examples = re.findall(r"^\s*Example: (.+)$", COMMANDS[name].help or "", re.M)
    assert examples
    for example in examples:
        program, command, *arguments = shlex.split(example.partition(" | ")[0])
        assert (program, command) == ("gemtap", name)
        COMMANDS[name].make_context(name, arguments)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_help_shows_the_example_and_every_option_is_explained(name: str) -> None:
    assert "Example: gemtap" in shown(name, "--help")
    for parameter in COMMANDS[name].params:
        assert getattr(parameter, "help", None), parameter.name


def test_without_a_command_the_help_names_them_all() -> None:
    text = shown("--help")
    for name in COMMANDS:
        assert re.search(rf"^. {name} ", text, re.M), name


def test_the_version_is_printed() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"gemtap {__version__}\n".encode(), b"")
