"""Resources with the same create, get, list, update and delete methods, and long-running operations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from gemtap.interaction import Json
from gemtap.providers.google.simulated import errors, wire
from gemtap.providers.google.simulated.call import Call
from gemtap.providers.google.simulated.conversation import member
from gemtap.providers.google.simulated.tokens import count_prompt
from gemtap.providers.google.simulated.world import World
from gemtap.simulation.script import Script

_CACHE_LIFE: Final = timedelta(hours=1)


def list_all(call: Call, world: World) -> Script:
    """One page of a collection."""
    collection = call.names["collection"]
    field = "operations" if collection == "batches" else collection
    return wire.plain(page_of(call, field, list(world.resources[collection].values())))


def page_of(call: Call, field: str, resources: Sequence[Json]) -> Json:
    """A page in Google's format. A page token is the index of the next page's first resource."""
    try:
        size = int(call.query.get("pageSize") or 0) or 50
        start = int(call.query.get("pageToken") or 0)
    except ValueError as exc:
        raise errors.invalid_argument() from exc
    if size < 0 or start < 0:
        raise errors.invalid_argument()
    page = {field: list(resources[start : start + size])} if resources[start:] else {}
    return {**page, "nextPageToken": str(start + size)} if resources[start + size :] else page


def create(call: Call, world: World) -> Script:
    """Create a resource from the body, with a name and timestamps. A cache also gets its token count."""
    collection, body = call.names["collection"], call.json()
    id_ = world.new_id(collection)
    resource: dict[str, Any] = {**body, "name": f"{collection}/{id_}", "createTime": world.at()}
    resource["updateTime"] = resource["createTime"]
    if collection == "cachedContents":
        resource["expireTime"] = member(body, "expireTime") or world.at(_life(member(body, "ttl")))
        resource["usageMetadata"] = {"totalTokenCount": count_prompt(body).total()}
    world.put(collection, resource["name"], resource)
    return wire.plain(_shown(resource))


def get(call: Call, world: World) -> Script:
    """Get a resource."""
    return wire.plain(_shown(_find(call, world)))


def update(call: Call, world: World) -> Script:
    """Replace the given fields of a resource."""
    resource, body = _find(call, world), call.json()
    if "ttl" in body:
        resource["expireTime"] = world.at(_life(body.pop("ttl")))
    resource |= {key: value for key, value in body.items() if key != "name"}
    resource["updateTime"] = world.at()
    return wire.plain(_shown(resource))


def delete(call: Call, world: World) -> Script:
    """Delete a resource. Returns an empty object."""
    del world.resources[call.names["collection"]][_find(call, world)["name"]]
    return wire.plain({})


def get_operation(call: Call, world: World) -> Script:
    """An Operation, done at the second poll."""
    operation = world.resources["operations"].get(call.names["name"])
    if operation is None:
        raise errors.not_found()
    polled = operation.get("polled", 0) + 1
    operation["polled"] = polled
    shown = {"name": operation["name"]}
    return wire.plain({**shown, "done": True, "response": operation["response"]} if polled > 1 else shown)


def _find(call: Call, world: World) -> Json:
    collection = call.names["collection"]
    resource = world.resources[collection].get(f"{collection}/{call.names['id']}")
    if resource is None:
        raise errors.not_found()
    return resource


def _shown(resource: Json) -> Json:
    """The resource without the contents of a cache, which Google never returns."""
    hidden = ("contents", "systemInstruction", "tools", "toolConfig", "ttl")
    return {key: value for key, value in resource.items() if key not in hidden}


def _life(ttl: Json) -> timedelta:
    """Parse a lifetime such as `300s`. The default is that of caches."""
    try:
        return timedelta(seconds=float(str(ttl).removesuffix("s"))) if ttl else _CACHE_LIFE
    except (ValueError, OverflowError) as exc:
        raise errors.invalid_argument(f"Invalid duration: {ttl}") from exc
