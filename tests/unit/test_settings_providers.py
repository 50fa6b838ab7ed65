"""Providers that the settings add: where their settings may stand, and what is said of wrong ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gemtap.settings import Settings, SettingsError
from gemtap.settings_loading import load

MINIMAL = '[providers.mine]\ndialect = "gemini"\nupstream = "http://localhost:9/api/v1"\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without gemtap.toml, and an environment without our variables."""
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.upper().startswith("GEMTAP_")]:
        monkeypatch.delenv(variable)
    return tmp_path


def complaint(toml: str) -> str:
    """The one line that is said of a file that cannot be."""
    Path("gemtap.toml").write_text(toml)
    with pytest.raises(SettingsError) as caught:
        load()
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_a_dialect_and_an_upstream_make_a_provider(folder: Path) -> None:
    """Prefix and title come from the name, and each setting says where it came from."""
    (folder / "gemtap.toml").write_text(MINIMAL.replace("mine", "my_gateway"))
    loaded = load()
    mine = loaded.settings.providers.definitions["my_gateway"]
    assert (mine.dialect, mine.upstream, mine.prefix, mine.title) == (
        "gemini",
        "http://localhost:9/api/v1",
        "my-gateway",
        "my_gateway",
    )
    assert loaded.settings.providers.upstreams()["my_gateway"] == "http://localhost:9/api/v1"
    assert loaded.origins["providers.my_gateway.dialect"] == "providers.my_gateway.dialect in gemtap.toml"


def test_variables_and_flags_set_a_provider_too(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The later source wins, setting by setting."""
    (folder / "gemtap.toml").write_text(MINIMAL)
    monkeypatch.setenv("GEMTAP_PROVIDERS__MINE__UPSTREAM", "http://variable.example")
    monkeypatch.setenv("GEMTAP_PROVIDERS__MINE__TITLE", "Mine")
    loaded = load({"providers": {"mine": {"upstream": "http://flag.example/"}}})
    mine = loaded.settings.providers.definitions["mine"]
    assert (mine.upstream, mine.title) == ("http://flag.example", "Mine")
    assert loaded.origins["providers.mine.title"] == "GEMTAP_PROVIDERS__MINE__TITLE"


def test_the_settings_come_back_from_the_json_that_children_get(folder: Path) -> None:
    """The supervisor hands them to the proxy and the dashboard as one line."""
    (folder / "gemtap.toml").write_text(
        MINIMAL + 'headers = { X-Team = "blue" }\n[providers.mine.prices."a*"]\ninput = 0.25\noutput = 1\n'
    )
    settings = load().settings
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
    assert settings.providers.definitions["mine"].added_headers({}) == [(b"x-team", b"blue")]


def test_the_value_of_a_header_may_come_from_a_variable_and_a_file(folder: Path) -> None:
    """References stand anywhere in the value."""
    (folder / "token").write_text("from-file\n")
    (folder / "gemtap.toml").write_text(MINIMAL + 'headers = { a = "Bearer ${KEY}", b = "${file:token}" }\n')
    mine = load().settings.providers.definitions["mine"]
    assert mine.added_headers({"KEY": "from-variable"}) == [(b"a", b"Bearer from-variable"), (b"b", b"from-file")]
    with pytest.raises(ValueError, match="the environment variable KEY is not set"):
        mine.added_headers({})
    with pytest.raises(SettingsError, match=r"Bad setting providers\.mine\.headers: the environment variable KEY"):
        load().settings.providers.added_headers({})


def test_values_of_headers_are_in_no_representation(folder: Path) -> None:
    """Logs and tracebacks may hold one."""
    (folder / "gemtap.toml").write_text(MINIMAL + 'headers = { authorization = "Bearer s3cret-s3cret" }\n')
    assert "s3cret" not in repr(load().settings)


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("[providers.mine]\nupstream = 'http://x.example'", "providers.mine needs a dialect, since no installed"),
        ("[providers.gemeni]\nupstream = 'http://x.example'", "Did you mean gemini?"),
        ("[providers.mine]\ndialect = 'gemini'", "providers.mine needs an upstream"),
        ("[providers.mine]\ndialect = 'nothing'\nupstream = 'http://x'", "providers.mine.dialect in gemtap.toml: must"),
        ("[providers.mine]\npreset = 'nothing'", "providers.mine.preset in gemtap.toml: must be one of openrouter"),
        (MINIMAL.replace("http://", "ftp://"), "providers.mine.upstream in gemtap.toml: must be like https://host"),
        (MINIMAL + "prefix = 'v1beta'", "providers.mine.prefix in gemtap.toml: is taken: paths of gemini begin"),
        (MINIMAL + "prefix = 'gemini'", "providers.mine.prefix in gemtap.toml: is taken: paths of gemini begin"),
        (MINIMAL + "prefix = 'A/b'", "providers.mine.prefix in gemtap.toml: must be small letters"),
        (MINIMAL + MINIMAL.replace("mine", "other") + "prefix = 'mine'", "is taken: providers.mine has this prefix"),
        (MINIMAL.replace("mine", "Mine"), "providers.Mine.dialect in gemtap.toml: Mine is not a valid provider name"),
        (MINIMAL + "headers = { host = 'x' }", "providers.mine.headers in gemtap.toml: host is not a header that can"),
        (MINIMAL + "prices = { m = { input = -1 } }", "providers.mine.prices"),
        (MINIMAL + "colour = 'red'", "Unknown setting providers.mine.colour in gemtap.toml."),
        ("providers.mine = 'groq'", "Unknown setting providers.mine in gemtap.toml."),
        ("[providers.mine]", "Unknown setting providers.mine in gemtap.toml."),
    ],
)
def test_what_is_said_of_a_wrong_provider(toml: str, says: str) -> None:
    """The setting, the file and what to do."""
    assert says in complaint(toml)
