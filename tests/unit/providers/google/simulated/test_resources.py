"""Caches and other resources, batches, pictures and films."""

from __future__ import annotations

import base64
import json

import pytest

from tests.unit.providers.google.simulated.asking import CONTENTS, MODEL, Api
from tests.unit.providers.google.simulated.test_uploads import upload

LONG = [{"role": "user", "parts": [{"text": "Once upon a time. " * 100}]}]


def test_a_cache_is_made_read_changed_and_deleted(api: Api) -> None:
    """A cache is created, read, updated and deleted."""
    cache = api.post("/v1beta/cachedContents", {"model": f"models/{MODEL}", "contents": LONG, "ttl": "60s"}).json
    assert cache["model"] == f"models/{MODEL}"
    assert "contents" not in cache
    assert cache["usageMetadata"]["totalTokenCount"] > 400
    target = f"/v1beta/{cache['name']}"
    assert api.get(target).json == cache
    changed = api.ask("PATCH", f"{target}?updateMask=ttl", {"ttl": "7200s"}).json
    assert changed["expireTime"] > cache["expireTime"]
    assert [each["name"] for each in api.get("/v1beta/cachedContents").json["cachedContents"]] == [cache["name"]]
    assert api.ask("DELETE", target).json == {}
    assert api.get(target).status == 404
    assert api.get("/v1beta/cachedContents").json == {}


def test_an_answer_that_uses_a_cache_says_how_much_of_the_prompt_that_was(api: Api) -> None:
    """The usage counts cached tokens."""
    cache = api.post("/v1beta/cachedContents", {"model": f"models/{MODEL}", "contents": LONG}).json
    usage = api.generate(cachedContent=cache["name"])["usageMetadata"]
    assert usage["cachedContentTokenCount"] == cache["usageMetadata"]["totalTokenCount"]
    assert usage["promptTokenCount"] == api.generate(contents=LONG + CONTENTS)["usageMetadata"]["promptTokenCount"]
    assert api.generate(cachedContent="cachedContents/none")["error"]["code"] == 403


def test_a_duration_that_is_none_is_refused(api: Api) -> None:
    """An invalid duration is rejected."""
    assert api.post("/v1beta/cachedContents", {"ttl": "soon"}).error["status"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize("query", ["pageSize=x", "pageSize=-1", "pageToken=x"])
def test_a_page_that_is_none_is_refused(api: Api, query: str) -> None:
    """An invalid page token is rejected."""
    assert api.get(f"/v1beta/cachedContents?{query}").status == 400


@pytest.mark.parametrize("collection", ["fileSearchStores", "tunedModels", "auth_tokens"])
def test_other_resources_keep_what_was_sent(api: Api, collection: str) -> None:
    """Other resources store their fields."""
    made = api.post(f"/v1beta/{collection}", {"displayName": "mine"}).json
    assert made["name"].startswith(f"{collection}/")
    assert api.get(f"/v1beta/{made['name']}").json["displayName"] == "mine"


def test_a_batch_in_the_request(api: Api) -> None:
    """A batch may be inline."""
    requests = [{"request": {"contents": CONTENTS}, "metadata": {"key": "a"}}]
    body = {"batch": {"displayName": "night", "inputConfig": {"requests": {"requests": requests}}}}
    batch = api.post(f"/v1beta/models/{MODEL}:batchGenerateContent", body).json
    assert batch["done"]
    assert batch["metadata"]["state"] == "BATCH_STATE_SUCCEEDED"
    (answered,) = batch["response"]["inlinedResponses"]["inlinedResponses"]
    assert answered == {"response": api.generate(), "metadata": {"key": "a"}}
    assert api.get(f"/v1beta/{batch['name']}").json == batch
    assert api.get("/v1beta/batches").json == {"operations": [batch]}
    assert api.post(f"/v1beta/{batch['name']}:cancel").json == {}
    assert api.post("/v1beta/batches/none:cancel").status == 404


def test_a_batch_in_a_file_leaves_its_results_in_a_file(api: Api) -> None:
    """A batch in a file has its results in a file."""
    lines = json.dumps({"key": "a", "request": {"contents": CONTENTS}}) + "\n\n"
    file = upload(api, lines.encode())
    target = f"/v1beta/models/{MODEL}:batchGenerateContent"
    batch = api.post(target, {"batch": {"inputConfig": {"fileName": file["name"]}}}).json
    results = api.get(f"/download/v1beta/{batch['response']['responsesFile']}:download?alt=media").body
    assert json.loads(results) == {"key": "a", "response": api.generate()}
    assert api.post(target, {"batch": {"inputConfig": {"fileName": "files/none"}}}).status == 404


def test_pictures(api: Api) -> None:
    """Images are generated."""
    body = {"instances": [{"prompt": "a cat"}], "parameters": {"sampleCount": 2}}
    pictures = api.post("/v1beta/models/imagen-4.0-generate-001:predict", body).json["predictions"]
    first, second = (base64.b64decode(each["bytesBase64Encoded"]) for each in pictures)
    assert first != second
    assert first.startswith(b"\x89PNG\r\n")
    assert api.post("/v1beta/models/imagen-4.0-generate-001:predict", {}).status == 400


def test_a_film_takes_time(api: Api) -> None:
    """A video is a long-running operation."""
    started = api.post("/v1beta/models/veo-3.0-generate-001:predictLongRunning", {"instances": [{"prompt": "a cat"}]})
    target = f"/v1beta/{started.json['name']}"
    assert "done" not in api.get(target).json
    done = api.get(target).json
    uri = done["response"]["generateVideoResponse"]["generatedSamples"][0]["video"]["uri"]
    assert api.get(uri.removeprefix("http://api.test")).begin.content_type == "video/mp4"
    assert api.get("/v1beta/models/veo-3.0-generate-001/operations/none").status == 404
