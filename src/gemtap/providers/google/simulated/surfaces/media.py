"""Images and videos: `:predict` for Imagen, `:predictLongRunning` for Veo."""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from typing import Final

from gemtap.providers.google.simulated import errors, wire
from gemtap.providers.google.simulated.call import Call
from gemtap.providers.google.simulated.conversation import member, objects
from gemtap.providers.google.simulated.surfaces.generation import refuse
from gemtap.providers.google.simulated.world import World
from gemtap.simulation.script import Script

_SIDE: Final = 64
"""Width and height in pixels."""

_MOST_PICTURES: Final = 4


def predict(call: Call, world: World) -> Script:
    """Images of a single colour, which depends on the prompt."""
    refuse(call, call.names["model"], "predict")
    prompt, wanted = _prompt(call), member(member(call.json(), "parameters"), "sampleCount")
    number = min(max(wanted, 1), _MOST_PICTURES) if isinstance(wanted, int) else 1
    pictures = (base64.b64encode(_png(f"{prompt} {at}")).decode("ascii") for at in range(number))
    return wire.plain(
        {"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": picture} for picture in pictures]}
    )


def predict_long_running(call: Call, world: World) -> Script:
    """An Operation whose result is a video file to download."""
    model = call.names["model"]
    refuse(call, model, "predictLongRunning")
    name = f"models/{model}/operations/{world.new_id('operation')}"
    # Not a playable video: the header of an MP4 file with the prompt as its content.
    film = world.generate(b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + _prompt(call).encode(), "video/mp4")
    sample = {"video": {"uri": film.describe(call.origin)["downloadUri"]}}
    response = {"generateVideoResponse": {"generatedSamples": [sample]}}
    world.put("operations", name, {"name": name, "response": response})
    return wire.plain({"name": name})


def _prompt(call: Call) -> str:
    instances = objects(member(call.json(), "instances"))
    if not instances:
        raise errors.invalid_argument("Missing required field: instances")
    return str(instances[0].get("prompt", ""))


def _png(prompt: str) -> bytes:
    colour = hashlib.sha256(prompt.encode("utf-8", "replace")).digest()[:3]
    rows = (b"\x00" + colour * _SIDE) * _SIDE
    head = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
