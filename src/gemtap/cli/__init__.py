"""The `gemtap` command: a file a group of commands."""

from gemtap.cli.app import main

__all__ = ["main"]
