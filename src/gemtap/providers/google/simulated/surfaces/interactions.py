"""The Interactions API, `/v1beta/interactions`: https://ai.google.dev/api/interactions-api."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gemtap.interaction import Json
from gemtap.providers.google.simulated import errors, wire
from gemtap.providers.google.simulated.call import Call
from gemtap.providers.google.simulated.interaction_steps import contents_of, events, interaction, request_of
from gemtap.providers.google.simulated.surfaces.generation import answer, refuse
from gemtap.providers.google.simulated.wire import Form
from gemtap.providers.google.simulated.world import World
from gemtap.simulation.script import Script

_KIND = "interactions"


def create(call: Call, world: World) -> Script:
    """Create an interaction, streamed or not. It continues the previous interaction, if the request names one."""
    body = call.json()
    model = str(body.get("model", "")).removeprefix("models/")
    refuse(call, model, "interactions.create")
    history = _history(body, world)
    said = contents_of(body.get("input"))
    if not said:
        raise errors.invalid_argument("Missing required field: input")
    id_ = world.new_id("interaction")
    common = {"id": id_, "object": "interaction", "model": model, "created": world.at(), "updated": world.at()}

    def shape(messages: Sequence[Json]) -> list[Json]:
        document = interaction(messages, common)
        if body.get("store") is not False:
            # The next turn continues from the model's messages.
            spoken = [candidate["content"] for message in messages for candidate in message.get("candidates", [])]
            world.put(_KIND, id_, {"document": document, "contents": [*history, *said, *spoken]})
        return events(messages, document) if body.get("stream") else [document]

    form = Form.NAMED_SSE if body.get("stream") else Form.DOCUMENT
    return answer(call, model, request_of(body, [*history, *said]), form, shape)


def _history(body: dict[str, Any], world: World) -> list[Json]:
    earlier = body.get("previous_interaction_id")
    return list(_find(str(earlier), world)["contents"]) if earlier else []


def get(call: Call, world: World) -> Script:
    """The stored interaction."""
    return wire.plain(_find(call.names["id"], world)["document"])


def delete(call: Call, world: World) -> Script:
    """Delete an interaction. Returns an empty object."""
    _find(call.names["id"], world)
    del world.resources[_KIND][call.names["id"]]
    return wire.plain({})


def cancel(call: Call, world: World) -> Script:
    """The interaction, which was completed before it could be cancelled."""
    return get(call, world)


def _find(id_: str, world: World) -> Json:
    found = world.resources[_KIND].get(id_)
    if found is None:
        raise errors.not_found()
    return found
