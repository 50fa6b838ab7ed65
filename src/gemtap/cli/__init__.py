"""The `gemtap` command. Each module has a group of subcommands."""

from gemtap.cli.app import main

__all__ = ["main"]
