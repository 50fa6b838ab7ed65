"""Pages of a run in the background: its creation, and the look-up that saw how it ended."""

from __future__ import annotations

import pytest

from tests.contract.test_count_once import created, looked_up, put
from tests.unit.dashboard.conftest import Site
from tests.unit.dashboard.test_pages import Elements
from tests.unit.providers.google.test_counting import INTERACTION

pytestmark = pytest.mark.anyio


async def test_a_run_in_the_background_is_one_conversation(site: Site) -> None:
    """The thread shows the prompt and the answer; the page and the export of a look-up show the answer."""
    (creation,) = await put(site.store, created())
    (end,) = await put(site.store, looked_up(INTERACTION, 2))
    (other,) = await put(site.store, looked_up(INTERACTION, 3))
    assert creation["thread"] is not None
    page = Elements(await site.page(f"/threads/{creation['thread']['id']}"))
    assert page.text.index("Dig for a long time.") < page.text.index("Hi")
    for document in (end, other):
        assert "Hi" in Elements(await site.page(f"/interactions/{document['_id']}")).text
        exported = await site.get(f"/api/export/markdown?id={document['_id']}")
        assert (exported.status_code, "Hi" in exported.text) == (200, True)
