"""What commands say of themselves."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest
import typer
from typer.core import TyperGroup

from gemtap import __version__
from gemtap.cli import app as cli_app
from gemtap.cli.app import app, register
from tests.unit.cli.conftest import run, shown

register()
GROUP = typer.main.get_command(app)
assert isinstance(GROUP, TyperGroup)
COMMANDS = GROUP.commands


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_an_example_that_its_own_parser_takes(name: str) -> None:
    """Every command has a valid example."""
    examples = re.findall(r"^\s*Example: (.+)$", COMMANDS[name].help or "", re.M)
    assert examples
    for example in examples:
        program, command, *arguments = shlex.split(example.partition(" | ")[0])
        assert (program, command) == ("gemtap", name)
        COMMANDS[name].make_context(name, arguments)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_help_shows_the_example_and_every_option_is_explained(name: str) -> None:
    """The help shows the example, and explains all options."""
    assert "Example: gemtap" in shown(name, "--help")
    for parameter in COMMANDS[name].params:
        assert getattr(parameter, "help", None), parameter.name


def test_the_help_is_wrapped_where_the_terminal_ends() -> None:
    """Paragraphs are one line each, and no metavar is inside of two brackets."""
    for name, command in cli_app.commands():
        assert "\n" not in (command.help or "").replace("\n\n", ""), name
        usage = " ".join(command.collect_usage_pieces(command.make_context(name, [], resilient_parsing=True)))
        assert not re.search(r"[\[{]{2}|\.{3}[^ ]", usage), usage


def test_without_a_command_the_help_names_them_all() -> None:
    """Without a command, the help lists all commands."""
    text = shown("--help")
    for name in COMMANDS:
        assert re.search(rf"^. {name} ", text, re.M), name


def test_the_version_is_printed() -> None:
    """`--version` prints the version."""
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"gemtap {__version__}\n".encode(), b"")


def test_every_command_is_found_in_the_module_that_the_table_names() -> None:
    """The table of commands has every command, each with its own module."""
    modules = {
        (each.name or (each.callback and each.callback.__name__)): each.callback and each.callback.__module__
        for each in app.registered_commands
    }
    for group in app.registered_groups:
        assert group.typer_instance is not None
        (modules[group.name],) = {
            each.callback and each.callback.__module__ for each in group.typer_instance.registered_commands
        }
    assert {name: f"gemtap.cli.{module}" for name, module in cli_app.COMMANDS.items()} == modules


@pytest.mark.parametrize(
    ("arguments", "is_loaded"),
    [
        (["--version"], []),
        (["providers"], ["gemtap.cli.providers"]),
        (["--help"], ["gemtap.cli.providers", "gemtap.cli.reading", "gemtap.cli.serve"]),
    ],
)
def test_a_command_loads_its_own_module_alone(arguments: list[str], is_loaded: list[str]) -> None:
    """A command loads neither the other commands nor, for the version alone, the settings."""
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('\\nloaded:', *sys.modules))\n"
        f"sys.argv[1:] = {arguments!r}\n"
        "from gemtap.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=True)
    modules = set(done.stdout.partition("\nloaded:")[2].split())
    watched = {"gemtap.cli.providers", "gemtap.cli.reading", "gemtap.cli.serve"}
    assert sorted(modules & watched) == is_loaded
    if arguments == ["--version"]:
        assert "gemtap.settings" not in modules


def test_setup_names_the_other_apis_of_a_client() -> None:
    """A person who uses it with another API finds the lines for that."""
    assert "With other APIs: gemtap setup anthropic-opencode, gemtap setup openai-opencode\n" in shown(
        "setup", "opencode"
    )
    assert "With other APIs" not in shown("setup", "codex")
