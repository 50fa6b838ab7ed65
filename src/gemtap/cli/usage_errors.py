"""Errors of the command line that typer finds, such as an unknown option, in the form of all others: one line."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from typer.exceptions import TyperException

from gemtap.faults import not_one_of, sentence_of


def line_of(error: TyperException) -> str:
    """What is wrong, and which help says what is right. Empty if typer has printed a help text instead."""
    message = " ".join((_bad_value(error) or error.format_message()).split())
    context: Any = getattr(error, "ctx", None)
    if not message or context is None:
        return message
    return f"{message}{'' if message.endswith(('.', '?')) else '.'} See `{context.command_path} --help`."


def _bad_value(error: TyperException) -> str | None:
    """The message about a value that an option or argument does not take, or None if the error is another."""
    parameter: Any = getattr(error, "param", None)
    if parameter is None or not isinstance(error.__cause__, ValidationError):
        return None
    (first, *_) = error.__cause__.errors(include_url=False)
    choices = parameter.type_descriptor.choices
    sentence = sentence_of(first) if choices is None else not_one_of(str(first["input"]), map(str, choices))
    is_option = parameter.param_type_name == "option"
    return f"Bad {f'flag {parameter.opts[0]}' if is_option else parameter.display_name_raw}: {sentence}"
