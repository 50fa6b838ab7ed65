"""Exporting in tests, and the conversations that are exported."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import count
from typing import Any, Final

from bson import ObjectId

from gemtap.exporters.base import ExportOptions, Part, Report
from gemtap.exporters.registry import FORMATS
from gemtap.interaction import Json
from gemtap.stores.base import Record, Store
from tests.records import NOON, make_record

_minutes = count()

TOOLS: Final = [
    {
        "functionDeclarations": [
            {
                "name": "read_file",
                "description": "Reads a file.",
                "parametersJsonSchema": {
                    "type": "object",
                    "properties": {"path": {"type": "string"}, "lines": {"type": ["integer", "null"]}},
                    "required": ["path"],
                    "additionalProperties": False,
                },
            }
        ]
    }
]


def user(*parts: Json) -> Json:
    return {"role": "user", "parts": [{"text": part} if isinstance(part, str) else part for part in parts]}


def model(*parts: Json) -> Json:
    return {**user(*parts), "role": "model"}


def call(path: str) -> Json:
    return {"functionCall": {"name": "read_file", "args": {"path": path}}}


def result(text: str) -> Json:
    return {"functionResponse": {"name": "read_file", "response": {"output": text}}}


def turn(*contents: Json, thread: ObjectId | None = None, number: int = 1, **fields: Any) -> Record:
    """An interaction in which all but the last content were given, and the last one was answered."""
    *prompt, answer = contents
    request = {"systemInstruction": user("You edit code."), "contents": prompt, "tools": TOOLS}
    response = {"candidates": [{"content": answer, "finishReason": "STOP"}]}
    given = {
        "timestamp": NOON + timedelta(minutes=next(_minutes)),
        "thread": thread and {"id": thread, "turn": number, "parent": None, "new_messages": 1},
        **fields,
    }
    return make_record(request_raw=json.dumps(request).encode(), response_raw=json.dumps(response).encode(), **given)


TOOL_USE: Final = (
    user("What is in a.py?"),
    model({"text": "I look.", "thought": True}, call("a.py")),
    user(result("print(1)")),
    model("It prints 1."),
)
"""A conversation of two turns."""


async def export(name: str, store: Store, **wanted: Any) -> tuple[bytes, Report]:
    """The file, and what is told of it."""
    files, report = await export_parts(name, store, **wanted)
    return files["train"], report


async def export_parts(name: str, store: Store, **wanted: Any) -> tuple[dict[Part, bytes], Report]:
    """Both files."""
    report = Report()
    files: dict[Part, bytes] = {"train": b"", "validation": b""}
    async for piece in FORMATS[name].write(store, ExportOptions(**wanted), report):
        files[piece.part] += piece.content
    return files, report


def lines_of(content: bytes) -> list[Any]:
    return [json.loads(line) for line in content.splitlines()]
