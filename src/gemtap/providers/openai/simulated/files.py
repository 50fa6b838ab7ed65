"""Files and batches of the simulated API: a batch answers the lines of a file, until it is looked up twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from email.parser import BytesParser
from typing import Any, Final

from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_text, read_json
from gemtap.providers.openai.simulated.faults import document, refusal
from gemtap.simulation.received import ReceivedRequest
from gemtap.simulation.script import Begin, Script, Send

_CREATED: Final = 1_780_000_000

_COURSE: Final = {"validating": "in_progress", "in_progress": "completed", "cancelling": "cancelled"}
"""What a batch is at the next look-up."""


def form_of(request: ReceivedRequest) -> dict[str, Any]:
    """The fields of a form: texts, and files as bytes under their field's name and `filename`."""
    kind = next(iter(request.header_values("content-type")), "")
    found: dict[str, Any] = {}
    form = BytesParser().parsebytes(f"content-type: {kind}\r\n\r\n".encode() + request.body)
    for part in form.walk():
        name, raw = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if not isinstance(raw, bytes):
            continue  # the form itself
        filename = part.get_filename()
        found[str(name)] = raw if filename is not None else raw.decode("utf-8", "replace")
        found |= {} if filename is None else {"filename": filename}
    return found


class Files:
    """The files that were uploaded or that batches have written, and the batches."""

    def __init__(self, answer: Callable[[str, Json], tuple[int, Json]]) -> None:
        """`answer`: the status and body with which the API answers a body at a path."""
        self._answer = answer
        self._files: dict[str, tuple[dict[str, Any], bytes]] = {}
        self._batches: dict[str, dict[str, Any]] = {}

    def upload(self, form: dict[str, Any]) -> Script:
        """Keep a file."""
        content = form.get("file", b"")
        return document(self._add(content, as_text(form.get("purpose")) or "user_data", form.get("filename")))

    def look_up(self, _body: dict[str, Any], id: str) -> Script:
        """What is known of a file."""
        return document(self._files[id][0]) if id in self._files else refusal(404)

    def content(self, _body: dict[str, Any], id: str) -> Script:
        """Its bytes."""
        if id not in self._files:
            return refusal(404)
        content = self._files[id][1]
        return [Begin(200, "application/octet-stream", len(content)), Send(content)]

    def begin(self, body: dict[str, Any]) -> Script:
        """Begin a batch."""
        source = as_text(body.get("input_file_id")) or ""
        if source not in self._files:
            return refusal(400, f"Invalid input_file_id: {source}")
        batch: dict[str, Any] = {
            "id": f"batch_{len(self._batches) + 1}",
            "object": "batch",
            "endpoint": body.get("endpoint"),
            "input_file_id": source,
            "completion_window": body.get("completion_window"),
            "status": "validating",
            "created_at": _CREATED,
            "output_file_id": None,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
        }
        self._batches[batch["id"]] = batch
        return document(batch)

    def poll(self, _body: dict[str, Any], id: str) -> Script:
        """The batch as it is now, which is further than at the last look-up."""
        batch = self._batches.get(id)
        if batch is None:
            return refusal(404)
        batch["status"] = _COURSE.get(batch["status"], batch["status"])
        if batch["status"] == "completed" and batch["output_file_id"] is None:
            self._run(batch)
        return document(batch)

    def cancel(self, _body: dict[str, Any], id: str) -> Script:
        """Stop a batch that has not ended."""
        batch = self._batches.get(id)
        if batch is None:
            return refusal(404)
        if batch["status"] in _COURSE:
            batch["status"] = "cancelling"
        return document(batch)

    def list_batches(self, _body: dict[str, Any]) -> Script:
        """All batches, the last first."""
        return document({"object": "list", "data": [*self._batches.values()][::-1], "has_more": False})

    def _add(self, content: bytes, purpose: str, filename: str | None) -> dict[str, Any]:
        file = {
            "id": f"file-{len(self._files) + 1}",
            "object": "file",
            "bytes": len(content),
            "created_at": _CREATED,
            "filename": filename or "file",
            "purpose": purpose,
            "status": "processed",
        }
        self._files[str(file["id"])] = (file, content)
        return file

    def _run(self, batch: dict[str, Any]) -> None:
        written = []
        for number, line in enumerate(self._files[batch["input_file_id"]][1].splitlines(), 1):
            asked = as_dict(read_json(line))
            status, body = self._answer(as_text(asked.get("url")) or "", asked.get("body"))
            response = {"status_code": status, "request_id": f"req_{number}", "body": body}
            made = {"id": f"batch_req_{number}", "custom_id": asked.get("custom_id"), "response": response}
            written.append(json.dumps({**made, "error": None}).encode() + b"\n")
        file = self._add(b"".join(written), "batch_output", "output.jsonl")
        counts = {"total": len(written), "completed": len(written), "failed": 0}
        batch |= {"output_file_id": file["id"], "request_counts": counts}
