"""Code Assist in the demo, `/v1internal:METHOD`: the API of gemini-cli and Google's editor extension after a login.

Requests and responses are those of the Gemini API in an envelope, as in gemini-cli's packages/core/src/code_assist.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from gemtap.interaction import Json
from gemtap.providers.demo import Demo
from gemtap.providers.google.simulated import errors, wire
from gemtap.providers.google.simulated.api import GoogleSimulation
from gemtap.providers.google.simulated.call import Call
from gemtap.providers.google.simulated.conversation import member, objects
from gemtap.providers.google.simulated.surfaces.generation import answer, counted, refuse
from gemtap.providers.google.simulated.world import World
from gemtap.simulation.script import Script

_PROJECT: Final = "simulated-project"
_TIER: Final = {"id": "standard-tier", "name": "Gemini Code Assist", "description": "A simulation.", "isDefault": True}
_QUOTA_MODELS: Final = ("gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-pro")


def call_method(call: Call, world: World) -> Script:
    """Call a method."""
    body = call.json()
    match call.names["method"]:
        case "loadCodeAssist":
            return wire.plain(
                {
                    "currentTier": _TIER,
                    "allowedTiers": [_TIER],
                    "cloudaicompanionProject": member(body, "cloudaicompanionProject") or _PROJECT,
                    "gcpManaged": False,
                }
            )
        case "onboardUser":
            project = {"id": _PROJECT, "name": _PROJECT, "projectNumber": "1"}
            return wire.plain({"name": "operations/onboard", "done": True, "response": _onboarded(project)})
        case "retrieveUserQuota":
            return wire.plain({"buckets": [_bucket(model, world) for model in _QUOTA_MODELS]})
        case "listExperiments":
            return wire.plain({"experimentIds": [], "flags": []})
        case "fetchAdminControls" | "recordCodeAssistMetrics" | "setCodeAssistGlobalUserSetting":
            return wire.plain({})
        case "countTokens":
            return wire.plain({"totalTokens": counted(member(body, "request"))["totalTokens"]})
        case "generateContent" | "streamGenerateContent" as operation:
            return _generate(call, body, operation)
        case _:
            raise errors.not_found()


def _generate(call: Call, body: dict[str, Any], operation: str) -> Script:
    model = str(body.get("model", ""))
    refuse(call, model, operation)
    request = member(body, "request")
    if not objects(member(request, "contents")):
        raise errors.invalid_argument()
    return answer(call, model, request, call.form, _in_envelopes)


def _in_envelopes(messages: Sequence[Json]) -> list[Json]:
    credits_ = [{"creditType": "GOOGLE_ONE_AI", "creditAmount": "1000"}]
    return [
        {"response": message, "traceId": message["responseId"], "remainingCredits": credits_} for message in messages
    ]


def _onboarded(project: Json) -> Json:
    kind = "type.googleapis.com/google.internal.cloud.code.v1internal.OnboardUserResponse"
    return {"@type": kind, "cloudaicompanionProject": project}


def _bucket(model: str, world: World) -> Json:
    return {
        "modelId": model,
        "tokenType": "REQUESTS",
        "remainingAmount": "900",
        "remainingFraction": 0.9,
        "resetTime": world.at(timedelta(hours=12)),
    }


class CodeAssistDemo(Demo):
    """Any method, for any token."""

    def simulation(self, pace: float = 0.0, world: World | None = None) -> GoogleSimulation:
        """One path for all methods."""
        return GoogleSimulation([("POST", r"/+v1internal:(?P<method>\w+)", call_method)], pace=pace, world=world)


DEMO: Final = CodeAssistDemo()
