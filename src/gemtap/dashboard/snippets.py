"""A recorded request as code that sends it again through the proxy, with the reader's own key."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode

from gemtap.interaction import Interaction, Request
from gemtap.json_access import as_json_text
from gemtap.providers import routing
from gemtap.providers.credential import Credential
from gemtap.providers.documents import credential_for, request_headers_of

_LONGEST: Final = 6_000
"""Maximum characters of a body inside the snippet. Longer bodies are downloaded from the dashboard first."""

_REDACTED: Final = "[redacted:"


def snippets_of(document: Interaction, tap: str, desk: str) -> dict[str, str]:
    """Snippets by language. Empty for WebSocket sessions and file uploads."""
    request = document["request"]
    if not _can_be_sent(request):
        return {}
    asked = _asked(
        document,
        tap + routing.path_here(document["provider"], request["path"].encode("utf-8")).decode("utf-8"),
        None if request["body"] is None else as_json_text(request["body"]),
        f"{desk}/api/interactions/{document['_id']}/request",
    )
    return {"curl": _curl(asked), "Python": _python(asked), "JavaScript": _javascript(asked)}


def curl_script(document: Interaction, raw: bytes, upstreams: Mapping[str, str]) -> str | None:
    """A shell script that sends the request to its API, body included; None if curl cannot send it.

    The key comes from the environment of whoever runs it.
    """
    request = document["request"]
    route = routing.match_recorded(document["provider"], request["path"].encode("utf-8"))
    origin = routing.origin_of(route, upstreams)
    if route is None or origin is None or not _can_be_sent(request):
        return None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    asked = _asked(document, origin.rstrip("/") + route.path.decode("utf-8", "replace"), None, "")
    command = _curl(asked)
    lines = ["#!/bin/sh", f"# Recorded by Gemtap as {document['_id']}."]
    if asked.key is not None:
        lines.append(f"# Needs the variable {asked.key.variables[0]}.")
    if not text:
        return "\n".join([*lines, command]) + "\n"
    mark = "GEMTAP_BODY"
    while mark in text:
        mark += "_"
    return "\n".join([*lines, f"{command} \\\n  --data-binary @- <<'{mark}'", text, mark]) + "\n"


@dataclass(frozen=True, slots=True)
class _Asked:
    method: str
    url: str
    headers: dict[str, str]
    key: Credential | None
    """How the request carries the reader's key; None for an API whose requests cannot be sent again."""
    text: str | None
    source: str
    """The dashboard's URL of the body."""

    @property
    def is_long(self) -> bool:
        return self.text is not None and len(self.text) > _LONGEST


def _can_be_sent(request: Request) -> bool:
    return not ("upgrade" in request["headers"] or isinstance(request["body"], bytes) or "body_truncated" in request)


def _asked(document: Interaction, url: str, text: str | None, source: str) -> _Asked:
    """`url` is without the query."""
    request, provider = document["request"], document["provider"]
    wanted = {"content-type", *request_headers_of(provider)}
    headers = {name: str(value) for name, value in request["headers"].items() if name in wanted}
    key = credential_for(provider, request["path"].encode("utf-8"))
    return _Asked(request["method"], url + _query(request["query"]), headers, key, text, source)


def _query(query: str) -> str:
    kept = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if _REDACTED not in value]
    return f"?{urlencode(kept)}" if kept else ""


def _curl(asked: _Asked) -> str:
    lines = [f"curl -X {shlex.quote(asked.method)} {shlex.quote(asked.url)}"]
    if asked.key is not None:
        secret = asked.key.form.format(f"${asked.key.variables[0]}")
        lines.append(f'-H "{asked.key.header}: {secret}"')
    lines += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in asked.headers.items()]
    first = ""
    if asked.is_long:
        first = f"curl -s {shlex.quote(asked.source)} -o request.body\n"
        lines.append("--data-binary @request.body")
    elif asked.text is not None:
        # --data would read a body that begins with `@` as a file name.
        lines.append(f"--data-raw {shlex.quote(asked.text)}")
    return first + " \\\n  ".join(lines)


def _python(asked: _Asked) -> str:
    pairs = []
    if asked.key is not None:
        before, after = asked.key.form.split("{}")
        parts = [before and json.dumps(before), f"os.environ[{json.dumps(asked.key.variables[0])}]", json.dumps(after)]
        secret = " + ".join(part for part in parts if part not in ("", '""'))
        pairs.append(f"    {json.dumps(asked.key.header)}: {secret},")
    pairs += [f"    {json.dumps(name)}: {json.dumps(value)}," for name, value in asked.headers.items()]
    body = "None" if asked.text is None else f"{asked.text!r}.encode()"
    if asked.is_long:
        body = f"urlopen({asked.source!r}).read()"
    return "\n".join(
        [
            *("import os", "from urllib.request import Request, urlopen", "", f"body = {body}"),
            *("headers = {", *pairs, "}"),
            f"request = Request({asked.url!r}, body, headers, method={asked.method!r})",
            *("with urlopen(request) as answer:", "    for line in answer:", '        print(line.decode(), end="")'),
        ]
    )


def _javascript(asked: _Asked) -> str:
    pairs = []
    if asked.key is not None:
        variable = f"process.env.{asked.key.variables[0]}"
        secret = variable if asked.key.form == "{}" else f"`{asked.key.form.format(f'${{{variable}}}')}`"
        pairs.append(f"  {json.dumps(asked.key.header)}: {secret},")
    pairs += [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in asked.headers.items()]
    body = "undefined" if asked.text is None else json.dumps(asked.text)
    if asked.is_long:
        body = f"await (await fetch({json.dumps(asked.source)})).text()"
    return "\n".join(
        [
            *(f"const body = {body};", "const headers = {", *pairs, "};"),
            f"const method = {json.dumps(asked.method)};",
            f"const answer = await fetch({json.dumps(asked.url)}, {{ method, headers, body }});",
            *("for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {",),
            *("  process.stdout.write(piece);", "}"),
        ]
    )
