"""A recorded request as code that sends it again through the proxy, with the reader's own key."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode

from gemtap.interaction import Interaction

_LONGEST: Final = 6_000
"""Maximum characters of a body inside the snippet. Longer bodies are downloaded from the dashboard first."""

_KEPT_HEADERS: Final[tuple[str, ...]] = ("content-type", "x-goog-user-project", "openai-beta", "anthropic-version")

_REDACTED: Final = "[redacted:"


def snippets_of(document: Interaction, tap: str, desk: str) -> dict[str, str]:
    """Snippets by language. Empty for WebSocket sessions and file uploads."""
    request = document["request"]
    body = request["body"]
    if "upgrade" in request["headers"] or isinstance(body, bytes) or "body_truncated" in request:
        return {}
    url = tap + request["path"] + _query(request["query"])
    headers: dict[str, str] = {
        name: str(request["headers"][name]) for name in _KEPT_HEADERS if name in request["headers"]
    }
    key = "authorization" if "authorization" in request["headers"] else "x-goog-api-key"
    text = None if body is None else body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    source = f"{desk}/api/interactions/{document['_id']}/request"
    asked = _Asked(request["method"], url, headers, key, text, source)
    return {"curl": _curl(asked), "Python": _python(asked), "JavaScript": _javascript(asked)}


@dataclass(frozen=True, slots=True)
class _Asked:
    method: str
    url: str
    headers: dict[str, str]
    key: str
    """The header that holds the key."""
    text: str | None
    source: str
    """The dashboard's URL of the body."""

    @property
    def is_long(self) -> bool:
        return self.text is not None and len(self.text) > _LONGEST


def _query(query: str) -> str:
    kept = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if _REDACTED not in value]
    return f"?{urlencode(kept)}" if kept else ""


def _curl(asked: _Asked) -> str:
    secret = "Bearer $GEMINI_API_KEY" if asked.key == "authorization" else "$GEMINI_API_KEY"
    lines = [f"curl -X {shlex.quote(asked.method)} {shlex.quote(asked.url)}", f'-H "{asked.key}: {secret}"']
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
    secret = ('"Bearer " + ' if asked.key == "authorization" else "") + 'os.environ["GEMINI_API_KEY"]'
    pairs = [f"    {json.dumps(asked.key)}: {secret},"]
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
    secret = "`Bearer ${process.env.GEMINI_API_KEY}`" if asked.key == "authorization" else "process.env.GEMINI_API_KEY"
    pairs = [f"  {json.dumps(asked.key)}: {secret},"]
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
