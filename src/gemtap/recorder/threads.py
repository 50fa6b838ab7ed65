"""Places of interactions in threads: which one continues which, found by their fingerprints.

An interaction's parent is a function of what is stored: the newest interaction before it in time that has the best of
its candidates' links. So it does not matter who records what in which order, as long as the places are put right
whenever something is stored that changes them. `place` assigns places before records are stored; `join`
afterwards finds and moves those interactions whose place is another one now.

Several recorders may do this at the same time, without transactions. Each first writes and then looks: of two that
store a parent and its child at the same moment, the one that writes last sees both.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Final

from bson import ObjectId

from gemtap.interaction import Interaction, Outcome, Thread
from gemtap.recorder.fingerprint import Fingerprint, of_user, stored_fingerprint, waiting_for
from gemtap.stores.base import Filter, Record, Store, StoreUnavailable
from gemtap.stores.links import After, Before, Linked, Move
from gemtap.stores.place import Place

_RETRY_WITHIN: Final = timedelta(minutes=10)
"""After a longer time, the same first prompt begins a new thread."""

_ROUNDS: Final = (2, 16, None)
"""Number of links that are looked for at most in each round, the best first. Nearly all are found in the first."""

_LEVELS: Final = 4
"""Interactions that continue one another are asked for one by one up to here, and then all of their thread together."""

_MOST_ATTEMPTS: Final = 50
"""Maximum number of attempts to place an interaction that others keep changing."""


@dataclass(frozen=True, slots=True)
class Turn:
    """An interaction that is to have a place."""

    at: Place
    outcome: str
    fingerprint: Fingerprint
    sought: Sequence[tuple[bytes, int]]
    """See `Fingerprint.sought`: all of it, or the beginning up to the link by which its parent was found."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A record with its place. `turn` is None if it is no conversation, and so has no thread."""

    record: Record
    turn: Turn | None


@dataclass(frozen=True, slots=True)
class _Match:
    """What a turn continues, or what it repeats after a failure."""

    holder: Linked
    tried: int
    """Number of links that were looked for, the one that was found among them."""
    new_messages: int
    is_parent: bool


class Threads:
    """Gives interactions their places in the threads of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def place(self, arrived: Sequence[tuple[Record, Fingerprint | None]]) -> list[Placed]:
        """The records with their threads and links, ready to be stored. Raises StoreUnavailable."""
        turns = {
            record.document["_id"]: _turn(record.document, fingerprint)
            for record, fingerprint in arrived
            if fingerprint is not None
        }
        matches = await self._matches(turns.values(), together=turns.values())
        threads: dict[ObjectId, Thread] = {}
        # A parent comes before its children.
        for turn in sorted(turns.values(), key=lambda turn: turn.at):
            threads[turn.at.id] = _thread(turn, matches.get(turn.at.id), threads)
        return [
            _placed(record, turns.get(id_), matches.get(id_), threads.get(id_))
            for record, _ in arrived
            for id_ in [record.document["_id"]]
        ]

    async def continued_by(self, exchanges: Sequence[tuple[Place, Fingerprint]]) -> dict[ObjectId, ObjectId]:
        """The stored thread that each of these exchanges continues, without those that begin a new one.

        They are still in flight. Raises StoreUnavailable.
        """
        turns = [Turn(at, Outcome.INTERRUPTED, fingerprint, fingerprint.sought) for at, fingerprint in exchanges]
        matches = await self._matches(turns)
        return {id_: match.holder.thread["id"] for id_, match in matches.items()}

    async def join(self, stored: Sequence[Placed], present: Collection[ObjectId]) -> None:
        """Put right every place that is another one now that these records are stored. Raises StoreUnavailable.

        To be repeated until it returns: whoever is interrupted in it begins again with the same records. `present` are
        the ids that `Store.put` has returned.
        """
        turns = {each.turn.at.id: each.turn for each in stored if each.turn is not None}
        known = [id_ for id_ in turns if id_ in present]
        # What has taken the place of an interrupted record has other links than that.
        suspects = {*known, *(child.id for child in await self._store.links.children(known))}
        suspects |= await self._misplaced(stored, turns)
        later = [_repeating(turn) for turn in turns.values()]
        for turn in turns.values():
            later += [After(waiting_for(link), turn.at) for link in dict.fromkeys(turn.fingerprint.links)]
        suspects |= {each.id for each in await self._store.links.after(later) if each.id not in turns}
        # Records that were there may be those of a recorder that died amid this.
        await self._settle(suspects, thoroughly=bool(known))

    async def _misplaced(self, stored: Sequence[Placed], turns: Mapping[ObjectId, Turn]) -> set[ObjectId]:
        """Records whose place has changed already, since other recorders store and move interactions."""
        matches = await self._matches(turns.values())
        return {
            id_
            for each in stored
            if (id_ := each.record.document["_id"]) in turns
            and _thread(turns[id_], matches.get(id_), {}) != each.record.document["thread"]
        }

    async def _matches(self, turns: Iterable[Turn], together: Iterable[Turn] = ()) -> dict[ObjectId, _Match]:
        """What each of the turns continues or repeats, in the store or among those that are recorded together."""
        beside = _by_link(together)
        matches: dict[ObjectId, _Match] = {}
        start = 0
        for end in _ROUNDS:
            open_ = [turn for turn in turns if turn.at.id not in matches]
            links = {turn.at.id: [link for link, _ in turn.sought[start:end]] for turn in open_}
            if end is None:
                # The first question again, if it was not answered.
                for turn in open_:
                    links[turn.at.id].append(turn.fingerprint.prompt_hash)
            wanted = [Before(link, turn.at) for turn in open_ for link in links[turn.at.id]]
            found = iter(await self._store.links.before(wanted) if wanted else [])
            for turn in open_:
                for number, link in enumerate(links[turn.at.id], start):
                    holder = _newer(next(found), _newest_before(turn.at, beside.get(link, ())))
                    if holder is None or turn.at.id in matches:
                        continue
                    if number < len(turn.sought):
                        new_messages = turn.sought[number][1]
                        matches[turn.at.id] = _Match(holder, number + 1, new_messages, is_parent=True)
                    elif holder.outcome != Outcome.COMPLETE and turn.at.timestamp - holder.timestamp < _RETRY_WITHIN:
                        messages = turn.fingerprint.messages
                        matches[turn.at.id] = _Match(holder, len(turn.sought), messages, is_parent=False)
            start = end or start
        return matches

    async def _settle(self, suspects: Iterable[ObjectId], *, thoroughly: bool) -> None:
        """Move every one of these interactions to its place, and those that follow from it with it."""
        waiting = deque(sorted(suspects))
        seen = set(waiting)
        while waiting:
            turn, has_moved, left = await self._settle_one(waiting.popleft(), thoroughly=thoroughly)
            # Others may have moved the parents of these away before they were moved themselves.
            waiting += sorted(left.difference(waiting))
            if turn is not None and (has_moved or thoroughly):
                # Those that asked the same again may have been placed beside it.
                again = await self._store.links.after([_repeating(turn)])
                fresh = {
                    each.id for each in again if each.thread["parent"] is None and (has_moved or each.id not in seen)
                }
                seen |= fresh
                waiting += sorted(fresh.difference(waiting))

    async def _settle_one(self, id_: ObjectId, *, thoroughly: bool) -> tuple[Turn | None, bool, set[ObjectId]]:
        """Move one interaction to its place, with all that continue it, and return whether anything has moved.

        Returns also those that were moved and continue it no longer.
        """
        has_moved, moved = False, set[ObjectId]()
        for _ in range(_MOST_ATTEMPTS):
            document = await self._store.get(id_)
            fingerprint = None if document is None else await asyncio.to_thread(stored_fingerprint, document)
            if document is None or document["thread"] is None or fingerprint is None:
                return None, has_moved, moved - {id_}
            turn, old = _turn(document, fingerprint), document["thread"]
            match = (await self._matches([turn])).get(id_)
            new = _thread(turn, match, {})
            if new != old and await self._has_lost(old, new):
                new = old
            moves = [Move(id_, old, new, _links(turn, match))] if new != old else []
            # After a change everything below it is looked at once more: others may have stored a turn there meanwhile,
            # which they gave a place by what they saw before.
            following, seen = await self._following(id_, new, thoroughly=thoroughly or has_moved)
            moves += following
            if not moves:
                return turn, has_moved, moved - seen
            has_moved = True
            moved |= {move.id for move in moves}
            await self._store.links.move(moves)
        raise StoreUnavailable(f"The thread of interaction {id_} is changed by others all the time. It is tried again.")

    async def _following(self, id_: ObjectId, thread: Thread, *, thoroughly: bool) -> tuple[list[Move], set[ObjectId]]:
        """The moves of all that continue an interaction in this place, each after its parent's, and who continues it.

        Unless it looks `thoroughly`, it looks no further where a place is right.
        """
        moves: list[Move] = []
        places = {id_: thread}
        seen = {id_}
        threads: set[ObjectId] = set()
        """Those that the interactions in `places` are in now."""
        for level in count(1):
            asked = set(places)
            if level % _LEVELS == 0:
                # The turns of a long conversation mostly continue one another: one query instead of one for each.
                asked.update(await self._store.links.in_threads(sorted(threads)))
            children: dict[ObjectId, list[Linked]] = {}
            for child in await self._store.links.children(sorted(asked)):
                children.setdefault(_parent(child), []).append(child)
            open_, places, threads = deque(places.items()), {}, set()
            while open_:
                parent, place = open_.popleft()
                for child in children.get(parent, ()):
                    new: Thread = {**child.thread, "id": place["id"], "turn": place["turn"] + 1}
                    if new != child.thread:
                        moves.append(Move(child.id, child.thread, new))
                    if (new == child.thread and not thoroughly) or child.id in seen:
                        continue
                    seen.add(child.id)
                    if child.id in asked:
                        open_.append((child.id, new))
                    else:
                        places[child.id] = new
                        threads.add(child.thread["id"])
            if not places:
                break
        return moves, seen

    async def _has_lost(self, old: Thread, new: Thread) -> bool:
        """Whether a new place is worse only because what the interaction continued has been deleted."""
        before = old["parent"] or old["id"]
        if new["parent"] is not None and new["new_messages"] <= old["new_messages"]:
            return False
        return not await self._store.list(Filter(id=before), limit=1)


def in_its_thread(record: Record, fingerprint: Fingerprint | None) -> Placed:
    """A record that has its place already, since it was recorded elsewhere."""
    thread = record.document["thread"]
    if fingerprint is None or thread is None:
        return Placed(record, None)
    turn = _turn(record.document, fingerprint)
    if thread["parent"] is not None:
        # Only candidates nearer than its parent are better.
        nearer = [(link, number) for link, number in turn.sought if number <= thread["new_messages"]]
        turn = replace(turn, sought=nearer)
    return Placed(replace(record, links=_links(turn, None)), turn)


def _turn(document: Interaction, fingerprint: Fingerprint) -> Turn:
    at = Place(document["timestamp"], document["_id"])
    fingerprint = of_user(fingerprint, document["client"]["user"])
    return Turn(at, document["outcome"], fingerprint, fingerprint.sought)


def _placed(record: Record, turn: Turn | None, match: _Match | None, thread: Thread | None) -> Placed:
    if turn is None:
        return Placed(record, None)
    document: Interaction = {**record.document, "thread": thread}
    sought = turn.sought if match is None else turn.sought[: match.tried]
    return Placed(replace(record, document=document, links=_links(turn, match)), replace(turn, sought=sought))


def _links(turn: Turn, match: _Match | None) -> tuple[bytes, ...]:
    """What a turn is stored with: its own links, and those by which a better parent finds it."""
    sought = turn.sought if match is None else turn.sought[: match.tried]
    return tuple(dict.fromkeys([*turn.fingerprint.links, *(waiting_for(link) for link, _ in sought)]))


def _thread(turn: Turn, match: _Match | None, together: Mapping[ObjectId, Thread]) -> Thread:
    """The place of a turn. `together` are the threads of turns that are not stored yet."""
    if match is None:
        return {"id": turn.at.id, "turn": 1, "parent": None, "new_messages": turn.fingerprint.messages}
    beside = together.get(match.holder.id, match.holder.thread)
    if not match.is_parent:
        return {**beside, "new_messages": match.new_messages}
    return {
        "id": beside["id"],
        "turn": beside["turn"] + 1,
        "parent": match.holder.id,
        "new_messages": match.new_messages,
    }


def _parent(child: Linked) -> ObjectId:
    parent = child.thread["parent"]
    assert parent is not None
    return parent


def _repeating(turn: Turn) -> After:
    """The turn that repeats the same prompt next, soon afterwards.

    Those after it look no further back than to it: thousands of equal requests must not cost the square of that.
    """
    # The end is exclusive, and times are in milliseconds.
    until = turn.at.timestamp + _RETRY_WITHIN - timedelta(milliseconds=1)
    return After(turn.fingerprint.prompt_hash, turn.at, until, first_only=True)


def _by_link(turns: Iterable[Turn]) -> dict[bytes, list[Linked]]:
    """Turns by the links that they will be stored with. Their threads are not known yet."""
    found: dict[bytes, list[Linked]] = {}
    for turn in turns:
        unknown = _thread(turn, None, {})
        for link in turn.fingerprint.links:
            found.setdefault(link, []).append(Linked(turn.at.id, turn.at.timestamp, unknown, turn.outcome))
    return found


def _newest_before(place: Place, holders: Iterable[Linked]) -> Linked | None:
    return max((each for each in holders if each.place < place), key=lambda each: each.place, default=None)


def _newer(one: Linked | None, other: Linked | None) -> Linked | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda each: each.place)
