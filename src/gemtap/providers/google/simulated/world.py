"""The state of the simulated API between requests."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

from gemtap.interaction import Json

KEPT_CONTENT: Final = 8 * 1024 * 1024
"""Maximum size of stored content, in bytes. Larger files cannot be downloaded."""

_MOST: Final = 32
"""Maximum number of files, and of resources per kind. The oldest are removed first, as files expire."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the Files API."""

    name: str
    """`files/ID`."""
    mime_type: str
    size: int
    sha256: str
    """SHA-256 of the whole content, in hexadecimal."""
    content: bytes | None
    """None if it is larger than `KEPT_CONTENT`."""
    created: str
    expires: str
    display_name: str | None = None
    source: str = "UPLOADED"

    def describe(self, origin: str) -> Json:
        """The File resource: https://ai.google.dev/api/files#File."""
        uri = f"{origin}/v1beta/{self.name}"
        described = {
            "name": self.name,
            "mimeType": self.mime_type,
            "sizeBytes": str(self.size),
            "createTime": self.created,
            "updateTime": self.created,
            "expirationTime": self.expires,
            # Google encodes the hexadecimal digits, not the digest.
            "sha256Hash": base64.b64encode(self.sha256.encode("ascii")).decode("ascii"),
            "uri": uri,
            "state": "ACTIVE",
            "source": self.source,
        }
        if self.display_name is not None:
            described["displayName"] = self.display_name
        return described if self.source == "UPLOADED" else {**described, "downloadUri": f"{uri}:download?alt=media"}


@dataclass(slots=True)
class Upload:
    """A running resumable upload, which keeps at most `KEPT_CONTENT` bytes in memory."""

    wanted: Json
    """The File in the first request."""
    mime_type: str
    size: int | None
    """The announced size in bytes, or None."""
    offset: int = 0
    status: str = "active"
    refusal: str | None = None
    """Why the last chunk was rejected, or None."""
    kept: bytearray = field(default_factory=bytearray)
    digest: Any = field(default_factory=hashlib.sha256)

    def write(self, piece: bytes) -> None:
        """Append bytes."""
        self.digest.update(piece)
        self.kept += piece[: KEPT_CONTENT - len(self.kept)]
        self.offset += len(piece)


class World:
    """Files, uploads and other resources. Names are unique within it, and the same in every run."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.files: dict[str, File] = {}
        self.uploads: dict[str, Upload] = {}
        self.resources: defaultdict[str, dict[str, Json]] = defaultdict(dict)
        """Resources by collection and name."""
        self.clock = clock
        self._numbers = count(1)

    def new_id(self, kind: str) -> str:
        """The last part of a new name."""
        return hashlib.sha256(f"{kind}{next(self._numbers)}".encode("ascii")).hexdigest()[:12]

    def at(self, later: timedelta = timedelta()) -> str:
        """The current time plus `later`, in Google's format."""
        return (self.clock() + later).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def start(self, upload: Upload) -> str:
        """Begin an upload. Returns its id."""
        id_ = self.new_id("upload")
        self.uploads[id_] = upload
        _forget_oldest(self.uploads)
        return id_

    def put(self, collection: str, name: str, resource: Json) -> Json:
        """Store a resource. Returns it."""
        self.resources[collection][name] = resource
        _forget_oldest(self.resources[collection])
        return resource

    def finish(self, upload: Upload) -> File:
        """Turn a finished upload into a file."""
        content = bytes(upload.kept) if len(upload.kept) == upload.offset else None
        upload.kept.clear()
        return self._keep(
            upload.wanted.get("name"),
            mime_type=upload.wanted.get("mimeType") or upload.mime_type,
            size=upload.offset,
            sha256=upload.digest.hexdigest(),
            content=content,
            display_name=upload.wanted.get("displayName") or upload.wanted.get("display_name"),
        )

    def generate(self, content: bytes, mime_type: str) -> File:
        """Store a file that the API generated."""
        digest = hashlib.sha256(content).hexdigest()
        return self._keep(
            None, mime_type=mime_type, size=len(content), sha256=digest, content=content, source="GENERATED"
        )

    def _keep(self, name: str | None, **fields: Any) -> File:
        name = name or f"files/{self.new_id('file')}"
        file = File(name, created=self.at(), expires=self.at(timedelta(days=2)), **fields)
        self.files[file.name] = file
        _forget_oldest(self.files)
        return file


def _forget_oldest(kept: dict[str, Any]) -> None:
    while len(kept) > _MOST:
        del kept[next(iter(kept))]
