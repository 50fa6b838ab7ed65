"""Writes pages of docs/ from the tables that the program itself uses: `make docs`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from gemtap.instructions import CLIENTS
from gemtap.recorder.searchable import LONGEST, LONGEST_BODY
from gemtap.settings import ENV_PREFIX, Settings, setting_names
from gemtap.stores.fields import FIELDS
from gemtap.stores.words import LONGEST_WORD

_TAP: Final = "http://localhost:4360"


def clients_page() -> str:
    """How to point each client at the tap."""
    return "\n".join(_clients_lines())


def _clients_lines() -> Iterator[str]:
    yield from (
        "# Pointing a client at Gemtap",
        "",
        f"`gemtap setup` prints the same with the address that your Gemtap is on; here it is {_TAP}.",
        "",
    )
    for name, each in CLIENTS.items():
        instructions = each.for_tap(_TAP)
        yield f"## {instructions.title}"
        yield ""
        yield f"{instructions.where}:"
        yield ""
        yield "```"
        yield from instructions.lines
        yield "```"
        yield ""
        if instructions.note:
            yield f"{instructions.note}"
            yield ""
        yield f"`gemtap setup {name}`"
        yield ""


def settings_page() -> str:
    """Every setting, its default and its three names."""
    return "\n".join(_settings_lines())


def _settings_lines() -> Iterator[str]:
    yield from (
        "# Settings",
        "",
        "A setting may stand in `gemtap.toml` (or the file of `--config`), in an environment variable, or on the",
        "command line of `gemtap serve`; the later of these wins. Lists are comma-separated in variables. An unknown",
        "setting is an error wherever it stands. `gemtap doctor` shows what is in force, and where it came from.",
        "",
        "| in gemtap.toml | variable | default | what it does |",
        "|---|---|---|---|",
    )
    for name in setting_names():
        variable = ENV_PREFIX + name.replace(".", "__").upper()
        default, description = _field(name)
        yield f"| `{name}` | `{variable}` | {default} | {description} |"
    yield ""


def _field(name: str) -> tuple[str, str]:
    model: type[BaseModel] = Settings
    *groups, last = name.split(".")
    value: Any = Settings.model_validate({})
    descriptions = []
    for group in groups:
        descriptions.append(model.model_fields[group].description or "")
        value = getattr(value, group)
        model = type(value)
    default = getattr(value, last)
    shown = ", ".join(map(str, default)) if isinstance(default, tuple) else str(default)
    described = model.model_fields[last].description or next(filter(None, descriptions))
    return (f"`{shown}`" if default not in (None, "", ()) else ""), described


_QUERIES: Final = """\
# Queries

One language says which interactions, wherever they are listed: `gemtap ls QUERY`, `gemtap export --where QUERY`,
`/api/interactions?q=QUERY`, the dashboard's search field.

```
gemtap ls 'model:gemini-2.5-pro status:>=400 tokens:>100k "connection refused" since:7d'
```

A query is words and conditions with spaces between them, and all of them must hold. A condition is a field and its
value.

| written | what it asks for |
|---|---|
| `timeout` | a word that this turn added |
| `"connection refused"` | these words in a row |
| `connec*` | a word that begins so, with three characters or more |
| `-timeout`, `-"connection refused"` | not these |
| `text:timeout,"connection refused"` | either |
| `client:cline` | the value, to the letter |
| `client:cline,roo-code` | one of these values |
| `model:gemini-2.5-*` | a value that begins so |
| `user:*` | any value at all |
| `tag:"to read"` | a value with spaces, commas or a star in it; `\\"` is a quote in it |
| `-client:cline` | not this: a minus turns any condition round. `-user:*` is having no user |
| `status:>=400`, `cost:<0.01` | compared, with `>`, `>=`, `<` or `<=` |
| `input:10k..1M`, `output:..10`, `output:8k..` | from one value up to another, both of them included |
| `status:4xx` | a class of status codes |
| `error:yes`, `streaming:no` | whether or not |
| `since:7d`, `until:yesterday` | from that time on, and before it |

Numbers take `k` and `M` for thousands and millions. Durations have a unit: `800ms`, `2.5s`, `5m`, `1h`. Costs are in US
dollars. Times are UTC where they name no other zone: `2026-03-14T12:30:00Z`; a day `2026-03-14`, a month `2026-03`;
`today`, `yesterday`; or how long ago: `30m`, `12h`, `7d`, `2w`, `1y`.

On the command line quote the query, for the shell has uses of its own for `>`, `*` and quotes: `gemtap ls '"a b"'`; and
put two minuses before one that begins with a minus: `gemtap ls -- -model:gemini-2.5-pro`.

The parameters of the API and the flags of `gemtap ls`, such as `model=` and `--model`, are conditions too: those of the
same name, for one exact value.

## Words

Searched is what a turn added, not what its client sent once more: the answer with its thoughts and calls, the new
messages with the results of tools, the message of an error, and at a thread's first turn the system instruction. So a
word finds the turn in which it was said, and not all those after it. A note is searched as well, from a few seconds
after it was written. Of what is no conversation the first {body:,} characters of each body are searched, of an
interaction {all:,} in all, the answer before the question. Bytes in Base64 are left out.

A word is letters and digits in a row; upper and lower case are the same, `e` and `é` are not. Anything else stands
between words: `connection_refused` and `src/app.py` are words in a row, found by the whole and by each of them, and
`getUserName` is one word. Chinese, Japanese, Korean, Thai, Lao, Burmese and Khmer are searched sign by sign, so that
any part of a sentence finds it. Of a word of more than {word} characters the first {word} count. A text with a colon in
it has to be in quotes: `"std::vector"`.

What was recorded before Gemtap could search, or was copied from elsewhere, is made searchable in the background while
`gemtap serve` runs, the newest first.

## Fields
"""


def queries_page() -> str:
    """The query language, with every field."""
    return "\n".join(_queries_lines())


def _queries_lines() -> Iterator[str]:
    yield _QUERIES.format(body=LONGEST_BODY, all=LONGEST, word=LONGEST_WORD)
    yield "| field | what it is | a value is | such as |"
    yield "|---|---|---|---|"
    for name, field in FIELDS.items():
        choices = ", ".join(f"`{choice}`" for choice in field.choices)
        yield f"| `{name}` | {field.about} | {choices or field.kind} | `{field.example}` |"
    yield ""


_COMMANDS: Final = """\
# Commands

`gemtap COMMAND --help` says more of each, with every option.

Exit status: 0 done; 1 it could not be done, in whole or in part, and standard error says why; 2 the command or a
setting is wrong. `gemtap doctor`, `gemtap check` and `gemtap health` end with 1 where they find something wrong,
`gemtap replay` where the answer is an error.

`--json` prints JSON for programs, on commands that print anything a program may want; standard output has nothing else
then. Colours are for terminals: where a program reads, or a file takes the output, there are none, and neither are
there where `NO_COLOR` is set. On a terminal `ls`, `threads` and `show` go through the pager that `PAGER` names, or
`less`; `PAGER=cat` is none.

`gemtap --install-completion` has your shell (bash, zsh, fish, PowerShell) complete commands, options, formats and the
names of clients; `--show-completion` prints what that would add to its settings.

| command | what it does |
|---|---|
"""


def commands_page() -> str:
    """Every command, with its examples."""
    import typer.main

    from gemtap.cli.app import app, register

    register()
    commands: Mapping[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # it is a group
    table, examples = "", ""
    for name, command in commands.items():
        text = command.help or ""
        table += f"| `{name}` | {' '.join(text.partition(chr(10) * 2)[0].split())} |\n"
        shown = [line.strip() for line in text.splitlines() if line.strip().startswith("Example: ")]
        examples += "".join(f"{line.removeprefix('Example: ')}\n" for line in shown)
    return f"{_COMMANDS}{table}\n## Examples\n\nThe tests run each of them.\n\n```\n{examples}```\n"


PAGES: Final[dict[str, Callable[[], str]]] = {
    "clients.md": clients_page,
    "settings.md": settings_page,
    "queries.md": queries_page,
    "commands.md": commands_page,
}

if __name__ == "__main__":
    for name, render in PAGES.items():
        (Path(__file__).parent / name).write_text(render(), "utf-8")
