"""Access keys as JSON: who has one, and making, replacing and revoking them. For admins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field

from gemtap import units
from gemtap.access import keys as access_keys
from gemtap.access.keys import BadChange, KeyList
from gemtap.dashboard.access_keys import KeyKeeping
from gemtap.dashboard.scope import current_user

T = TypeVar("T")

Name = Annotated[str, Field(max_length=100)]


class Making(BaseModel):
    """A key to make."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    """The user's."""
    role: Annotated[str, Field(max_length=100)] = "member"
    """`member` or `admin`."""
    expires: Annotated[str, Field(max_length=100)] = ""
    """After which time it is refused, such as `90d`; never if it is empty."""


class Rotation(BaseModel):
    """A key to replace by another one."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    expires: Annotated[str, Field(max_length=100)] = ""
    """After which time the new key is refused."""


class Revocation(BaseModel):
    """A key to revoke."""

    model_config = ConfigDict(extra="forbid")

    name: Name


def make_router(keeping: KeyKeeping) -> APIRouter:
    """The routes of `/api/keys`."""
    router = APIRouter(tags=["access keys"])

    async def changed(change: Callable[[KeyList], tuple[KeyList, T]], what: str) -> T:
        user = current_user()
        if user is None:
            # Whoever makes the first key decides who has access: that is for those who have the machine.
            raise HTTPException(
                409, "There are no access keys. Make the first one on this machine: gemtap keys add NAME --role admin."
            )
        try:
            return await keeping.change(change, what, user=user.name)
        except BadChange as exc:
            raise HTTPException(422, str(exc)) from exc

    async def listed() -> dict[str, Any]:
        found = await keeping.read()
        return {"access_control": found.is_on, "items": found.shown(datetime.now(UTC))}

    @router.get("/keys")
    async def keys() -> dict[str, Any]:
        """Who has an access key, and until when. The keys themselves are not stored."""
        return await listed()

    @router.post("/keys/add")
    async def add(given: Making, response: Response) -> dict[str, Any]:
        """Make a key for another user, and return it this once, with all users."""
        now = datetime.now(UTC)
        end = _end(given.expires, now)
        key = await changed(
            lambda before: access_keys.add(before, given.name, given.role, end, now),
            f"made for {given.name} ({given.role})",
        )
        response.headers["cache-control"] = "no-store"
        return {"key": key, **await listed()}

    @router.post("/keys/rotate")
    async def rotate(given: Rotation, response: Response) -> dict[str, Any]:
        """Replace the key of a user, and return the new one this once, with all users."""
        now = datetime.now(UTC)
        end = _end(given.expires, now)
        key = await changed(lambda before: access_keys.rotate(before, given.name, end, now), f"of {given.name} rotated")
        response.headers["cache-control"] = "no-store"
        return {"key": key, **await listed()}

    @router.post("/keys/revoke")
    async def revoke(given: Revocation) -> dict[str, Any]:
        """Refuse the key of another user from now on, and return all users."""
        user = current_user()
        if user is not None and user.name == given.name:
            raise HTTPException(
                409, f"This is your own key. On the machine, `gemtap keys revoke {user.name}` revokes it."
            )
        await changed(lambda before: (access_keys.revoke(before, given.name), None), f"of {given.name} revoked")
        return await listed()

    return router


def _end(expires: str, now: datetime) -> datetime | None:
    if not expires.strip():
        return None
    try:
        return now + units.parse_age(expires.strip())
    except (ValueError, OverflowError) as exc:
        raise HTTPException(422, f"The time after which the key expires: {exc}.") from exc
