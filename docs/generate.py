"""Generates the pages of docs/ that come from tables of the program: `make docs`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from gemtap.providers.client_setup import clients
from gemtap.providers.definition import Definition
from gemtap.providers.presets import PRESETS
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.searchable import LONGEST, LONGEST_BODY
from gemtap.settings import ENV_PREFIX, Settings, setting_names
from gemtap.stores.query.fields import FIELDS
from gemtap.stores.query.words import LONGEST_WORD

_TAP: Final = "http://localhost:4360"


def clients_page() -> str:
    """Render docs/clients.md: how to point each client at the tap."""
    return "\n".join(_clients_lines())


def _clients_lines() -> Iterator[str]:
    yield from (
        "# Pointing a client at Gemtap",
        "",
        f"`gemtap setup` prints these instructions with the address of your Gemtap. Here it is {_TAP}.",
        "API keys stay where they are: Gemtap forwards them.",
        "",
        "| API | clients |",
        "|---|---|",
    )
    for provider, titles in _titles_by_provider().items():
        yield f"| {provider} | {', '.join(_link(title, provider) for title in titles)} |"
    yield ""
    for name, each in clients().items():
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


def _titles_by_provider() -> dict[str, list[str]]:
    """The titles of the instructions for each API."""
    found: dict[str, list[str]] = {}
    for each in clients().values():
        found.setdefault(PROVIDERS[each.provider].wire.title, []).append(each.title)
    return found


def _link(title: str, provider: str) -> str:
    """A link to the heading, as GitHub names it."""
    anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
    return f"[{title.removesuffix(f' with {provider}')}](#{anchor})"


def settings_page() -> str:
    """Render docs/settings.md: every setting, its default and its names."""
    return "\n".join(_settings_lines())


def _settings_lines() -> Iterator[str]:
    yield from (
        "# Settings",
        "",
        "A setting can be in `gemtap.toml` (or the file of `--config`), in an environment variable, or on the",
        "command line of `gemtap serve`; the later of these wins. Lists are comma-separated in variables. An unknown",
        "setting is an error in any of them. `gemtap doctor --settings` lists the effective settings and their",
        "origins.",
        "",
        "| in gemtap.toml | variable | default | what it does |",
        "|---|---|---|---|",
    )
    for name in setting_names():
        variable = ENV_PREFIX + name.replace(".", "__").upper()
        default, description = _field(name)
        yield f"| `{name}` | `{variable}` | {default} | {description} |"
    yield from (
        "",
        "## Providers",
        "",
        "`[providers.NAME]` adds an API that speaks another one's dialect, see [providers.md](providers.md). Settings",
        "of it have variables too, such as `GEMTAP_PROVIDERS__NAME__UPSTREAM`; tables are JSON there.",
        "",
        "| in `[providers.NAME]` | what it does |",
        "|---|---|",
    )
    for name, field in Definition.model_fields.items():
        yield f"| `{name}` | {field.description} |"
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

One query language selects interactions everywhere: `gemtap ls QUERY`, `gemtap export --where QUERY`,
`/api/interactions?q=QUERY`, and the search field of the dashboard.

```
gemtap ls 'model:gemini-2.5-pro status:>=400 tokens:>100k "connection refused" since:7d'
```

A query consists of words and conditions, separated by spaces. An interaction must match all of them. A condition is a
field and a value.

| syntax | matches |
|---|---|
| `timeout` | a word that this turn added |
| `"connection refused"` | a phrase: these words in a row |
| `connec*` | words with this prefix, of three characters or more |
| `-timeout`, `-"connection refused"` | interactions without the word or phrase |
| `text:timeout,"connection refused"` | either of these |
| `client:cline` | exactly this value |
| `client:cline,roo-code` | any of these values |
| `model:gemini-2.5-*` | values with this prefix |
| `user:*` | any value |
| `tag:"to read"` | a value with spaces, commas or a star; `\\"` is a quote inside it |
| `-client:cline` | a leading minus negates any condition; `-user:*` matches interactions without a user |
| `status:>=400`, `cost:<0.01` | comparisons with `>`, `>=`, `<` or `<=` |
| `input:10k..1M`, `output:..10`, `output:8k..` | ranges, including both ends |
| `status:4xx` | a class of status codes |
| `error:yes`, `streaming:no` | true or false |
| `since:7d`, `until:yesterday` | at or after a time; before a time |

Numbers take `k` and `M` for thousands and millions. Durations need a unit: `800ms`, `2.5s`, `5m`, `1h`. Costs are in US
dollars. A time is a moment, in UTC unless it has another zone: `2026-03-14T12:30:00Z`; a day: `2026-03-14`, `today`,
`yesterday`; a month: `2026-03`; or relative to now: `30m`, `12h`, `7d`, `2w`, `1y`.

Quote the query on the command line, since the shell interprets `>`, `*` and quotes: `gemtap ls '"a b"'`. Put `--`
before a negated word: `gemtap ls -- -timeout`. A negated condition needs none: `gemtap ls -client:cline`.

The parameters of the API and the options of `gemtap ls`, such as `model=` and `--model`, are conditions too: each
matches one exact value of the field with the same name.

## Words

A search covers what a turn added, not what its client sent again: the response with its thinking and calls, the new
messages with the results of tools, the message of an error, and the system instruction of a thread's first turn. So a
word finds the turn that added it, and not all later turns. It also covers notes, a few seconds after they are written.
If an exchange is no conversation, the search covers the first {body:,} characters of each body. It covers up to {all:,}
characters per interaction, the response first, and skips Base64 data.

A word is a sequence of letters and digits. Case is ignored; accents are not: `e` and `é` differ. All other characters
separate words: `connection_refused` and `src/app.py` are several words in a row, found as a whole and by each word, and
`getUserName` is one word. In Chinese, Japanese, Korean, Thai, Lao, Burmese and Khmer every character is a word, so that
any part of a sentence can be found. Only the first {word} characters of a word count. A text that contains a colon must
be quoted: `"std::vector"`.

Interactions that were copied from elsewhere, or recorded before Gemtap had a search, are indexed in the background
while `gemtap serve` runs, the newest first.

## Saved searches

A query can be saved under a name, in the dashboard or with `gemtap searches save NAME QUERY`. The store keeps it, so
that every browser and every command has it: `gemtap searches` lists them, `gemtap ls --saved NAME` uses one. Relative
times, such as `since:7d`, count from each use.

## Fields
"""


def queries_page() -> str:
    """Render docs/queries.md: the query language, with every field."""
    return "\n".join(_queries_lines())


def _queries_lines() -> Iterator[str]:
    yield _QUERIES.format(body=LONGEST_BODY, all=LONGEST, word=LONGEST_WORD)
    yield "| field | meaning | value | example |"
    yield "|---|---|---|---|"
    for name, field in FIELDS.items():
        choices = ", ".join(f"`{choice}`" for choice in field.choices)
        yield f"| `{name}` | {field.about} | {choices or field.kind} | `{field.example}` |"
    yield ""


_COMMANDS: Final = """\
# Commands

`gemtap COMMAND --help` describes each command and its options.

Exit status: 0 for success; 1 if the command failed, in whole or in part, with the reason on stderr; 2 if the command
line or a setting is invalid. `gemtap doctor`, `gemtap check` and `gemtap health` exit with 1 if they find a problem,
and `gemtap replay` if the response is an error.

With `--json`, commands print JSON, and nothing else, to standard output. Output is coloured only on terminals, and not
if `NO_COLOR` is set. On a terminal, `ls`, `threads`, `stats` and `show` use the pager in `PAGER`, or `less`;
`PAGER=cat` disables it. Tables fit the terminal: narrow ones get fewer columns, numbers are never cut. `--wide` shows
all columns with whole texts, and the arrow keys of `less` scroll sideways.

Where a command takes the ID of an interaction, its first or last digits do too, if they fit one, or `last`.
`gemtap ls --thread` takes digits of a thread or of any of its turns: narrow tables show the last six.

`gemtap --install-completion` sets up completion of commands, options, formats and client names in your shell (bash,
zsh, fish, PowerShell). `--show-completion` prints the code that it would add to the shell's configuration.

| command | description |
|---|---|
"""


def commands_page() -> str:
    """Render docs/commands.md: every command, with its examples."""
    from gemtap.cli.app import commands, register

    register()
    table = ""
    examples: dict[str, None] = {}
    for name, command in commands():
        text = command.help or ""
        table += f"| `{name}` | {' '.join(text.partition(chr(10) * 2)[0].split())} |\n"
        shown = [line.strip() for line in text.splitlines() if line.strip().startswith("Example: ")]
        # A group has an example of one of its commands.
        examples |= {f"{line.removeprefix('Example: ')}\n": None for line in shown}
    return f"{_COMMANDS}{table}\n## Examples\n\nThe tests run each of them.\n\n```\n{''.join(examples)}```\n"


_OPERATIONS: Final = """\
## {title}

The requests of {sdks}.
*Read as* names the dialect in which Gemtap finds a conversation, for threads, search and exports.

| request | operation | read as | tokens and cost |
|---|---|---|---|
"""

_METHODS: Final = """\
# The APIs, method by method

The tables of [OpenAI](#openai) and [Anthropic](#anthropic) follow that of Google's APIs.

## Gemini and Vertex AI

Every request that google-genai {python} for Python and @google/genai {javascript} for JavaScript make, read from the
sources of these SDKs, and how Gemtap records it. `make test-clients` reads the SDKs again.

*Model* says where the requested model is: in the path, or in the body; `model_version` is the one that served the
request, which may be another. *Tokens* says which tokens are [counted](schema.md#counted-once); *cost* says what the
price covers.

| API | request | operation | model | tokens | cost |
|---|---|---|---|---|---|
"""


def methods_page() -> str:
    """Render docs/methods.md: each request of the SDKs of Google, OpenAI and Anthropic, and what is made of it."""
    from tests.surface.methods import METHODS, cost_of, methods, model_of, tokens_of

    versions = {name: sdk["version"] for name, sdk in json.loads(METHODS.read_text("utf-8")).items()}
    page = _METHODS.format(python=versions["google-genai"], javascript=versions["@google/genai"])
    rows = set()
    for each in methods():
        operation, _ = each.read()
        request = f"`{each.method} {each.shown}`"
        cells = (f"`{operation}`", model_of(each), tokens_of(operation), cost_of(operation))
        rows.add((each.api, request, *cells))
    page += "".join(f"| {' | '.join(row)} |\n" for row in sorted(rows))
    return f"{page}\n{_operations_pages()}"


def _operations_pages() -> str:
    """The tables of OpenAI's and Anthropic's requests."""
    from tests.surface import anthropic_requests, openai
    from tests.surface.operations import billed_of, row_of

    text = ""
    for title, sdks, surface in (
        ("OpenAI", openai.sdks(), openai.requests()),
        ("Anthropic", anthropic_requests.sdks(), anthropic_requests.requests()),
    ):
        rows = sorted({row_of(provider, method, path) for provider, method, path in surface})
        text += _OPERATIONS.format(title=title, sdks=sdks)
        text += "".join(f"| {' | '.join(row)} |\n" for row in rows)
        beside = billed_of(surface[0][0]) - {row[1].strip("`") for row in rows}
        if beside:
            names = ", ".join(f"`{name}`" for name in sorted(beside))
            text += f"\nAlso counted, but missing or named otherwise in these SDKs: {names}.\n"
        text += "\n"
    return text.rstrip("\n") + "\n"


_PRESETS: Final = re.compile(r"(?s)(<!-- presets -->\n).*?(?=\n## )")


def providers_page() -> str:
    """Render docs/providers.md: the table of presets in a page that is written by hand."""
    page = Path(__file__).with_name("providers.md").read_text("utf-8")
    rows = ""
    for name, each in PRESETS.items():
        key = f"`{each.key}`" if each.key else ""
        rows += f"| `{name}` | {each.title} | `{each.dialect}` | {each.upstream} | {each.prices} | {key} |\n"
    head = "\n| preset | API | dialect | upstream | prices | key |\n|---|---|---|---|---|---|\n"
    return _PRESETS.sub(lambda found: f"{found[1]}{head}{rows}", page)


PAGES: Final[dict[str, Callable[[], str]]] = {
    "clients.md": clients_page,
    "settings.md": settings_page,
    "queries.md": queries_page,
    "commands.md": commands_page,
    "providers.md": providers_page,
    "methods.md": methods_page,
}

if __name__ == "__main__":
    for name, render in PAGES.items():
        (Path(__file__).parent / name).write_text(render(), "utf-8")
