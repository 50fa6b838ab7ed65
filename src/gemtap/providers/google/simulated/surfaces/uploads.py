"""Resumable and multipart uploads: https://ai.google.dev/gemini-api/docs/files and Google's resumable protocol.

The response to the first request of a resumable upload has a URL of this server. All further requests go to this URL:
chunks with their offsets, status queries, and the end. The URL is the only credential that they need.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from gemtap.interaction import Json
from gemtap.providers.google.simulated import errors, wire
from gemtap.providers.google.simulated.call import Call, parse_object
from gemtap.providers.google.simulated.conversation import member
from gemtap.providers.google.simulated.world import Upload, World
from gemtap.simulation.script import Begin, Script

GRANULARITY: Final = 256 * 1024
"""Every chunk except the last has a multiple of this number of bytes."""

_STATUS: Final = "X-Goog-Upload-Status"
_RECEIVED: Final = "X-Goog-Upload-Size-Received"


def continues(call: Call) -> bool:
    """Whether the request belongs to a running upload and therefore needs no key."""
    return "upload_id" in call.query


def sink(call: Call, world: World) -> Callable[[bytes], None] | None:
    """The function that takes the body of this request as it arrives, or None if it is no acceptable chunk."""
    upload = world.uploads.get(call.query.get("upload_id", ""))
    if upload is None or "upload" not in _commands(call):
        return None
    upload.refusal = _fault(call, upload)
    return upload.write if upload.refusal is None else None


def upload(call: Call, world: World) -> Script:
    """Handle one request of an upload. `sink` has already taken the bytes of a chunk."""
    if continues(call):
        return _go_on(call, world)
    protocol = _header(call, "x-goog-upload-protocol") or call.query.get("uploadType", "")
    match protocol:
        case "resumable":
            return _begin(call, world)
        case "multipart":
            return _multipart(call, world)
        case _:
            raise errors.invalid_argument(f"Invalid upload protocol: {protocol or 'none'}.")


def _begin(call: Call, world: World) -> Script:
    if "start" not in _commands(call):
        raise errors.invalid_argument("An upload begins with the command start.")
    wanted = member(call.json(), "file") or {}
    size = _header(call, "x-goog-upload-header-content-length")
    mime_type = _header(call, "x-goog-upload-header-content-type") or "application/octet-stream"
    id_ = world.start(Upload(wanted, mime_type, int(size) if size.isdecimal() else None))
    url = f"{call.origin}{call.path}?upload_id={id_}&upload_protocol=resumable"
    return _answer(
        "active",
        ("X-GUploader-UploadID", id_),
        ("X-Goog-Upload-URL", url),
        ("X-Goog-Upload-Control-URL", url),
        ("X-Goog-Upload-Chunk-Granularity", str(GRANULARITY)),
    )


def _go_on(call: Call, world: World) -> Script:
    upload = world.uploads.get(call.query["upload_id"])
    if upload is None:
        raise errors.not_found()
    commands = _commands(call)
    if "query" in commands:
        return _answer(upload.status, (_RECEIVED, str(upload.offset)))
    if upload.status != "active":
        return _refusal("Upload has already been terminated.", upload)
    if "cancel" in commands:
        upload.status = "cancelled"
        return _answer("cancelled")
    if not commands & {"upload", "finalize"}:
        return _refusal(f"Unknown upload command: {', '.join(sorted(commands)) or 'none'}.", upload)
    if "upload" in commands and upload.refusal is not None:
        return _refusal(upload.refusal, upload)
    return _finish(call, world, upload) if "finalize" in commands else _answer("active")


def _fault(call: Call, upload: Upload) -> str | None:
    """Why the chunk that is about to arrive is invalid, or None."""
    offset = _header(call, "x-goog-upload-offset")
    length = _header(call, "content-length")
    if upload.status != "active":
        return "Upload has already been terminated."
    if offset != str(upload.offset):
        return f"Invalid upload offset: {offset or 'none'}, received so far: {upload.offset}."
    if "finalize" not in _commands(call) and length.isdecimal() and int(length) % GRANULARITY:
        return f"Invalid chunk size: {length} is no multiple of {GRANULARITY}."
    return None


def _finish(call: Call, world: World, upload: Upload) -> Script:
    if upload.size is not None and upload.size != upload.offset:
        upload.status = "cancelled"
        return _refusal(f"{upload.size} bytes were announced, and {upload.offset} came.", upload)
    upload.status = "final"
    file = world.finish(upload)
    return wire.plain({"file": file.describe(call.origin)}, ((_STATUS, "final"),))


def _multipart(call: Call, world: World) -> Script:
    """`multipart/related`: the metadata, then the content."""
    boundary = re.search(r'boundary="?([^";]+)', _header(call, "content-type"))
    if boundary is None or not call.received.body_is_whole:
        raise errors.invalid_argument("No boundary, or more bytes than an upload of this kind may have.")
    parts = call.received.body.split(b"--" + boundary[1].encode("latin-1"))
    if len(parts) != 4:
        raise errors.invalid_argument("A multipart upload has two parts.")
    (_, metadata), (head, content) = _part(parts[1]), _part(parts[2])
    mime_type = re.search(rb"(?im)^content-type:\s*([^\s;]+)", head)
    wanted: Json = member(parse_object(metadata.decode("utf-8", "replace")), "file") or {}
    whole = Upload(wanted, mime_type[1].decode("latin-1") if mime_type else "application/octet-stream", len(content))
    whole.write(content)
    return wire.plain({"file": world.finish(whole).describe(call.origin)})


def _part(part: bytes) -> tuple[bytes, bytes]:
    head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    return head, content.removesuffix(b"\r\n")


def _answer(status: str, *headers: tuple[str, str]) -> Script:
    return [Begin(200, "text/plain; charset=utf-8", 0, ((_STATUS, status), *headers))]


def _refusal(message: str, upload: Upload) -> Script:
    error = errors.invalid_argument(message)
    headers = ((_STATUS, upload.status), (_RECEIVED, str(upload.offset)))
    return wire.document(error.code, wire.JSON_TYPE, wire.pretty(error.body), headers)


def _commands(call: Call) -> set[str]:
    return {command.strip() for command in _header(call, "x-goog-upload-command").lower().split(",")} - {""}


def _header(call: Call, name: str) -> str:
    return next(iter(call.received.header_values(name)), "")
