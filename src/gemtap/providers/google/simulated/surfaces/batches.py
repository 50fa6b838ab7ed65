"""Batches. Their requests are answered at once, so that the first poll returns a finished operation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gemtap.interaction import Json
from gemtap.providers.google.simulated import answers, errors, wire
from gemtap.providers.google.simulated.call import Call, parse_object
from gemtap.providers.google.simulated.conversation import member, objects
from gemtap.providers.google.simulated.surfaces.generation import refuse
from gemtap.providers.google.simulated.world import World
from gemtap.simulation.script import Script


def create(call: Call, world: World) -> Script:
    """`:batchGenerateContent`: a batch of requests in the body, or in an uploaded JSON lines file."""
    model = call.names["model"]
    refuse(call, model, "batchGenerateContent")
    batch = member(call.json(), "batch")
    source = member(batch, "inputConfig")
    name = f"batches/{world.new_id('batch')}"
    file = member(source, "fileName")
    if file:
        lines = (json.dumps(one) for one in _answered_lines(model, _content(world, file)))
        results = world.generate("".join(f"{line}\n" for line in lines).encode(), "application/jsonl")
        output: Json = {"responsesFile": results.name}
    else:
        requests = objects(member(member(source, "requests"), "requests"))
        output = {"inlinedResponses": {"inlinedResponses": [_answered(model, one) for one in requests]}}
    metadata = {
        "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
        "model": f"models/{model}",
        "displayName": member(batch, "displayName") or name,
        "output": output,
        "createTime": world.at(),
        "updateTime": world.at(),
        "endTime": world.at(),
        "state": "BATCH_STATE_SUCCEEDED",
        "name": name,
    }
    return wire.plain(
        world.put("batches", name, {"name": name, "metadata": metadata, "done": True, "response": output})
    )


def cancel(call: Call, world: World) -> Script:
    """An empty object: a batch is finished before it can be cancelled."""
    if f"batches/{call.names['id']}" not in world.resources["batches"]:
        raise errors.not_found()
    return wire.plain({})


def _answered(model: str, item: dict[str, Any]) -> Json:
    (response,) = answers.generate(model, item.get("request") or {}, streamed=False)
    return {"response": response, **({"metadata": item["metadata"]} if "metadata" in item else {})}


def _answered_lines(model: str, content: bytes) -> Iterator[Json]:
    for line in filter(str.strip, content.decode("utf-8", "replace").splitlines()):
        item = parse_object(line)
        yield {"key": item.get("key"), **_answered(model, item)}


def _content(world: World, name: str) -> bytes:
    file = world.files.get(name)
    if file is None or file.content is None:
        raise errors.not_found()
    return file.content
