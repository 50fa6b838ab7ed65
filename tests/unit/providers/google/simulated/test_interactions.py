"""The Interactions API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.providers.google.simulated.asking import MODEL, Api, Reply

BASE = "/v1beta/interactions"
TOOLS = [
    {
        "type": "function",
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
]


def create(api: Api, **fields: Any) -> Reply:
    return api.post(BASE, {"model": MODEL, "input": "Why is the sky blue?", **fields})


def texts(document: Any) -> list[str]:
    return [step["content"][0]["text"] for step in document["steps"] if step["type"] == "model_output"]


def test_an_interaction(api: Api) -> None:
    """An interaction has its steps and usage."""
    document = create(api).json
    assert (document["status"], document["model"], len(texts(document))) == ("completed", MODEL, 1)
    usage = document["usage"]
    parts = ("total_input_tokens", "total_output_tokens", "total_thought_tokens")
    assert usage["total_tokens"] == sum(usage[part] for part in parts)
    assert api.get(f"{BASE}/{document['id']}").json == document
    assert api.post(f"{BASE}/{document['id']}/cancel").json == document
    assert api.ask("DELETE", f"{BASE}/{document['id']}").json == {}
    assert api.get(f"{BASE}/{document['id']}").status == 404


@pytest.mark.parametrize("model", [MODEL, "gemini-2.5-pro"])
@pytest.mark.parametrize("tools", [[], TOOLS])
def test_the_steps_of_a_stream_begin_go_on_and_stop_in_order(api: Api, model: str, tools: list[Any]) -> None:
    """Events of a step come in order."""
    reply = create(api, model=model, stream=True, tools=tools)
    events = reply.events
    assert reply.body.startswith(b"event: interaction.created\ndata: {")
    assert reply.body.endswith(b"\n\nevent: done\ndata: [DONE]\n\n")
    assert (events[0]["event_type"], events[-1]["event_type"]) == ("interaction.created", "interaction.completed")
    assert events[-1]["interaction"]["status"] == ("requires_action" if tools else "completed")
    document = api.get(f"{BASE}/{events[0]['interaction']['id']}").json
    starts = [event for event in events if event["event_type"] == "step.start"]
    assert [event["step"]["type"] for event in starts] == [step["type"] for step in document["steps"]]
    for index in range(len(starts)):
        own = [event["event_type"] for event in events if event.get("index") == index]
        assert own[0] == "step.start"
        assert own[-1] == "step.stop"
        assert set(own[1:-1]) == {"step.delta"}
    said = "".join(event["delta"].get("text", "") for event in events if event["event_type"] == "step.delta")
    assert said == "".join(texts(document))


def test_an_interaction_goes_on_from_an_earlier_one(api: Api) -> None:
    """An interaction continues a stored one."""
    first = create(api, tools=TOOLS).json
    call = next(step for step in first["steps"] if step["type"] == "function_call")
    result = {"type": "function_result", "call_id": call["id"], "name": "weather", "result": "hail"}
    second = create(api, tools=TOOLS, previous_interaction_id=first["id"], input=[result]).json
    assert "hail" in texts(second)[0]
    assert second["usage"]["total_input_tokens"] > first["usage"]["total_input_tokens"]
    alone = create(api, input=[{"type": "user_input", "content": "Weather?"}, call, result]).json
    assert "hail" in texts(alone)[0]
    assert create(api, previous_interaction_id="none").status == 404


def test_an_interaction_that_is_not_to_be_stored_is_not(api: Api) -> None:
    """With `store: false`, an interaction is not stored."""
    assert api.get(f"{BASE}/{create(api, store=False).json['id']}").status == 404


def test_contents_and_a_system_instruction_are_counted(api: Api) -> None:
    """All contents count as input."""
    said = [{"type": "text", "text": "Why is the sky blue?"}, {"type": "image", "mime_type": "image/png", "data": "AA"}]
    more = create(api, input=said, system_instruction="Be kind.").json["usage"]["total_input_tokens"]
    assert more == create(api).json["usage"]["total_input_tokens"] + 258 + 2


def test_errors_and_faults(api: Api) -> None:
    """Errors and simulated faults work."""
    assert create(api, model="error-503").error["status"] == "UNAVAILABLE"
    assert create(api, input=[]).status == 400
    unfinished = create(api, model="fault-no-finish", stream=True).events
    assert unfinished[-1]["event_type"] == "step.stop"
    assert create(api, model="fault-max-tokens").json["status"] == "incomplete"
    assert create(api, input="BLOCKME").json["status"] == "failed"
