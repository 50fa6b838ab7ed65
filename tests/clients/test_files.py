"""Files go up, come down and away through Gemtap, at the root and under a prefix, and no byte passes it by."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.recorded import documents, stored
from tests.clients.running_client import see
from tests.clients.sdks import CALLS, GOOGLE_GENAI, Sdk
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi

pytestmark = pytest.mark.clients

MIB = 1024 * 1024


@pytest.mark.parametrize("prefix", ["", "/gemini"])
@pytest.mark.parametrize("sdk", GOOGLE_GENAI, ids=lambda sdk: sdk.name)
def test_files(gemtap: RunningGemtap, api: SimulatedApi, tmp_path: Path, sdk: Sdk, prefix: str) -> None:
    """What is seen is the same; that every chunk is stored shows that none went straight to the upstream."""
    direct, tapped = (
        see(sdk.command(), origin, "files", TMPDIR=str(tmp_path)) for origin in (api.origin, gemtap.origin + prefix)
    )
    assert tapped == direct
    assert tapped["files"]["downloaded"] == "a little\n" * 10
    assert tapped["files"]["chunked"][-1] is True

    stored_now = documents(gemtap, len(CALLS["files"]))
    assert [stored(each) for each in stored_now] == list(CALLS["files"])
    sizes = [each["request"]["body_bytes"] for each in stored_now if each["operation"] == "files.upload"]
    assert [sizes[1], *sizes[3:]] == [90, 8 * MIB, MIB]
