"""Show what differs from the pinned expectations: `python -m tests.pins [--write]`.

With `--write` the expectations are replaced by what the code makes now: commit them by themselves, and say why.
Recordings of the real API are read from the folder that GEMTAP_TEST_RECORDINGS names.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from tests.pins.files import differences, path_of, read, write
from tests.pins.groups import GROUPS, NO_RECORDINGS, pins


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.pins", description=__doc__)
    parser.add_argument("--write", action="store_true", help="replace the expectations")
    options = parser.parse_args()
    differing = 0
    for group in GROUPS:
        new = await pins(group)
        if new is None:
            print(f"{group}: left out, {NO_RECORDINGS}", file=sys.stderr)
            continue
        found = differences(read(group) if path_of(group).exists() else {}, new)
        differing += len(found)
        print("\n".join([f"{group}: {len(new)} samples, {len(found)} differences", *found]))
        if options.write:
            write(group, new)
    return 1 if differing and not options.write else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
