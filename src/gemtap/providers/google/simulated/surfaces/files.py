"""Uploaded and generated files: https://ai.google.dev/api/files."""

from __future__ import annotations

from gemtap.providers.google.simulated import errors, wire
from gemtap.providers.google.simulated.call import Call
from gemtap.providers.google.simulated.surfaces.resources import page_of
from gemtap.providers.google.simulated.world import File, World
from gemtap.simulation.script import Script


def list_files(call: Call, world: World) -> Script:
    """A ListFilesResponse."""
    return wire.plain(page_of(call, "files", [file.describe(call.origin) for file in world.files.values()]))


def get_file(call: Call, world: World) -> Script:
    """A File."""
    return wire.plain(_find(call, world).describe(call.origin))


def delete_file(call: Call, world: World) -> Script:
    """An empty object."""
    del world.files[_find(call, world).name]
    return wire.plain({})


def download(call: Call, world: World) -> Script:
    """The bytes of a file. Google returns only generated files, this API also uploaded ones."""
    file = _find(call, world)
    if call.alt != "media":
        return get_file(call, world)
    if file.content is None:
        raise errors.invalid_argument(f"{file.name} has {file.size} bytes: too many to have been kept.")
    return wire.document(200, file.mime_type, file.content)


def _find(call: Call, world: World) -> File:
    file = world.files.get(f"files/{call.names['id']}")
    if file is None:
        name = call.names["id"]
        raise errors.permission_denied(
            f"You do not have permission to access the File {name} or it may not exist.",
        )
    return file
