"""A password that is given on the command line does not stay there."""

from __future__ import annotations

import pytest

from gemtap.cli.app import without_passwords

STORE = "mongodb://user:swordfish@host/db"


@pytest.mark.parametrize(
    ("arguments", "kept", "variables"),
    [
        (["serve", "--store", STORE, "--port", "1"], ["serve", "--port", "1"], {"GEMTAP_STORE": STORE}),
        (["ls", f"--store={STORE}"], ["ls"], {"GEMTAP_STORE": STORE}),
        (["ls", "--store", "mongodb://host/db"], ["ls", "--store", "mongodb://host/db"], {}),
        (["ls", "--store"], ["ls", "--store"], {}),
        (
            ["serve", "--upstream", "gemini=http://u:swordfish@h", "--upstream=vertex=http://h:80"],
            ["serve", "--upstream=vertex=http://h:80"],
            {"GEMTAP_PROVIDERS__GEMINI__UPSTREAM": "http://u:swordfish@h"},
        ),
    ],
)
def test_passwords_become_variables(arguments: list[str], kept: list[str], variables: dict[str, str]) -> None:
    """Both ways to write a flag are understood; what has no password stays."""
    assert without_passwords(arguments) == (kept, variables)
