"""The groups of samples that are pinned."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.pins import demo, recordings
from tests.pins.sample import Sample
from tests.pins.values import Pins, pins_of

GROUPS = ("demo", "recordings")

NO_RECORDINGS = "GEMTAP_TEST_RECORDINGS names no folder of recordings"


def samples(group: str) -> Iterator[Sample] | None:
    """The samples of a group; None where they are not to be had here."""
    if group == "demo":
        return demo.samples()
    folder = recordings.folder()
    return None if folder is None else recordings.samples(folder)


async def pins(group: str) -> Pins | None:
    """The pins of a group as the code makes them now; None where its samples are not to be had."""
    found = samples(group)
    if found is None:
        return None
    with tempfile.TemporaryDirectory(prefix="gemtap-pins-") as folder:
        return await pins_of(found, Path(folder))
