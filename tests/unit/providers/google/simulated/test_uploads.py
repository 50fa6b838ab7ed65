"""Files on their way up, and afterwards."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from gemtap.providers.google.simulated.surfaces.uploads import GRANULARITY
from gemtap.providers.google.simulated.world import KEPT_CONTENT
from tests.unit.providers.google.simulated.asking import Api, Reply

START = "/upload/v1beta/files"
CONTENT = bytes(range(256)) * 3_000


def begin(api: Api, size: int, target: str = START, **file: Any) -> str:
    """Start an upload; the target of the URL that it got."""
    headers = {
        "x-goog-upload-protocol": "resumable",
        "x-goog-upload-command": "start",
        "x-goog-upload-header-content-length": str(size),
        "x-goog-upload-header-content-type": "text/plain",
    }
    reply = api.post(target, {"file": file}, headers=headers)
    assert reply.header("X-Goog-Upload-Status") == "active"
    url = reply.header("X-Goog-Upload-URL")
    assert url == reply.header("X-Goog-Upload-Control-URL")
    return url.removeprefix("http://api.test")


def send(api: Api, url: str, command: str, content: bytes = b"", offset: int = 0) -> Reply:
    headers = {"x-goog-upload-command": command, "x-goog-upload-offset": str(offset)}
    return api.post(url, content, key=None, headers=headers)


def received(reply: Reply) -> tuple[str, int]:
    return reply.header("X-Goog-Upload-Status"), int(reply.header("X-Goog-Upload-Size-Received"))


def upload(api: Api, content: bytes = CONTENT, **file: Any) -> Any:
    return send(api, begin(api, len(content), **file), "upload, finalize", content).json["file"]


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_the_url_of_an_upload_names_the_host_that_was_asked(api: Api, version: str) -> None:
    """The upload URL has the requested host."""
    url = begin(api, 1, f"/upload/{version}/files")
    assert url.startswith(f"/upload/{version}/files?upload_id=")


def test_a_file_in_one_piece(api: Api) -> None:
    """A file may be uploaded at once."""
    file = upload(api, displayName="all bytes")
    assert (file["sizeBytes"], file["mimeType"]) == (str(len(CONTENT)), "text/plain")
    assert (file["displayName"], file["state"], file["source"]) == ("all bytes", "ACTIVE", "UPLOADED")
    assert base64.b64decode(file["sha256Hash"]).decode() == hashlib.sha256(CONTENT).hexdigest()
    assert file["uri"] == f"http://api.test/v1beta/{file['name']}"


def test_a_file_in_chunks(api: Api) -> None:
    """A file may be uploaded in chunks."""
    url = begin(api, len(CONTENT))
    first, rest = CONTENT[: 2 * GRANULARITY], CONTENT[2 * GRANULARITY :]
    assert send(api, url, "upload", first).header("X-Goog-Upload-Status") == "active"
    assert received(send(api, url, "query")) == ("active", len(first))
    last = send(api, url, "upload, finalize", rest, len(first))
    assert last.header("X-Goog-Upload-Status") == "final"
    assert base64.b64decode(last.json["file"]["sha256Hash"]).decode() == hashlib.sha256(CONTENT).hexdigest()
    assert received(send(api, url, "query")) == ("final", len(CONTENT))


def test_an_upload_can_be_ended_by_a_request_of_its_own(api: Api) -> None:
    """An upload may be finalized separately."""
    url = begin(api, GRANULARITY)
    send(api, url, "upload", bytes(GRANULARITY))
    assert send(api, url, "finalize").json["file"]["sizeBytes"] == str(GRANULARITY)


def test_an_empty_file(api: Api) -> None:
    """An empty file is stored."""
    assert upload(api, b"")["sizeBytes"] == "0"


def test_a_chunk_at_the_wrong_place_changes_nothing(api: Api) -> None:
    """A chunk with a wrong offset is rejected."""
    url = begin(api, 3 * GRANULARITY)
    chunk = bytes(GRANULARITY)
    send(api, url, "upload", chunk)
    send(api, url, "upload", chunk, GRANULARITY)
    for offset in (0, GRANULARITY, 3 * GRANULARITY):
        refused = send(api, url, "upload", chunk, offset)
        assert refused.status == 400
        assert received(refused) == ("active", 2 * GRANULARITY)
    assert send(api, url, "upload, finalize", chunk, 2 * GRANULARITY).status == 200


def test_a_chunk_that_is_not_the_last_has_a_multiple_of_the_granularity(api: Api) -> None:
    """Chunks must be multiples of the granularity."""
    url = begin(api, 2_000)
    refused = send(api, url, "upload", bytes(1_000))
    assert "no multiple" in refused.error["message"]
    assert received(refused) == ("active", 0)


def test_a_file_of_another_size_than_announced_is_refused(api: Api) -> None:
    """A file with a wrong size is rejected."""
    url = begin(api, 10)
    assert "11 came" in send(api, url, "upload, finalize", bytes(11)).error["message"]
    assert api.get("/v1beta/files").json == {}


def test_an_upload_that_is_cancelled_or_over_takes_nothing_more(api: Api) -> None:
    """A finished or cancelled upload accepts no more data."""
    url = begin(api, 4)
    assert send(api, url, "cancel").header("X-Goog-Upload-Status") == "cancelled"
    assert "terminated" in send(api, url, "upload, finalize", b"more").error["message"]
    url = begin(api, 4)
    send(api, url, "upload, finalize", b"done")
    assert "terminated" in send(api, url, "upload, finalize", b"more", 4).error["message"]


def test_an_upload_that_never_began(api: Api) -> None:
    """An unknown upload is an error."""
    assert send(api, f"{START}?upload_id=none", "upload, finalize", b"x").status == 404
    assert "Unknown upload command" in send(api, begin(api, 1), "dance").error["message"]
    assert api.post(START, {}, key=None).status == 403
    assert "Invalid upload protocol" in api.post(START, {}).error["message"]


def test_a_multipart_upload(api: Api) -> None:
    """A multipart upload is stored."""
    content = b"line\r\n\r\nanother\r\n"
    body = (
        b'--BOUND\r\nContent-Type: application/json\r\n\r\n{"file": {"display_name": "two parts"}}\r\n'
        b"--BOUND\r\nContent-Type: image/png\r\n\r\n" + content + b"\r\n--BOUND--\r\n"
    )
    headers = {"x-goog-upload-protocol": "multipart", "content-type": 'multipart/related; boundary="BOUND"'}
    file = api.post(START, body, headers=headers).json["file"]
    assert (file["displayName"], file["mimeType"]) == ("two parts", "image/png")
    assert api.get(f"/v1beta/{file['name']}:download?alt=media").body == content
    headers["content-type"] = "multipart/related; boundary=OTHER"
    assert "two parts" in api.post(START, body, headers=headers).error["message"]


def test_files_are_got_listed_downloaded_and_deleted(api: Api) -> None:
    """Files are retrieved, listed, downloaded and deleted."""
    files = [upload(api, b"%d" % number) for number in range(3)]
    assert api.get("/v1beta/files").json == {"files": files}
    page = api.get("/v1beta/files?pageSize=2").json
    assert page["files"] == files[:2]
    assert api.get(f"/v1beta/files?pageSize=2&pageToken={page['nextPageToken']}").json == {"files": files[2:]}

    target = f"/v1beta/{files[1]['name']}"
    assert api.get(target).json == files[1]
    for path in (target, f"/download{target}"):
        download = api.get(f"{path}:download?alt=media")
        assert (download.body, download.begin.content_type) == (b"1", "text/plain")
    assert api.ask("DELETE", target).json == {}
    assert api.get(target).status == api.get(f"{target}:download?alt=media").status == 403


def test_a_file_can_be_named_by_the_client(api: Api) -> None:
    """The client may choose the name."""
    assert upload(api, name="files/mine")["name"] == "files/mine"


def test_of_a_large_file_not_all_is_kept_and_its_digest_is_right(api: Api) -> None:
    """A large file is stored in part, with the right digest."""
    large = bytes(KEPT_CONTENT + 1)
    file = upload(api, large)
    assert base64.b64decode(file["sha256Hash"]).decode() == hashlib.sha256(large).hexdigest()
    assert api.get(f"/v1beta/{file['name']}:download?alt=media").error["code"] == 400


def test_the_oldest_files_go_first(api: Api) -> None:
    """The oldest files are deleted first."""
    files = [upload(api, b"x") for _ in range(40)]
    assert api.get("/v1beta/files").json["files"] == files[8:]
