"""Providers that the settings add: their paths, operations, prices and keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import genai_prices.data
import pytest

from gemtap.interaction import NO_TOKENS, Cost, Json
from gemtap.providers.client_setup import clients
from gemtap.providers.configured import provider_of, register
from gemtap.providers.configured_reader import told_cost
from gemtap.providers.declared_secrets import SECRETS, secrets_of
from gemtap.providers.definition import Definition, with_defaults
from gemtap.providers.presets import PRESETS
from gemtap.providers.provider import Provider
from gemtap.providers.reader import Bill
from gemtap.providers.registry import INSTALLED, ORIGINS, PROVIDERS
from gemtap.providers.routing import error_of, known, match, origin_of
from gemtap.providers.wire import Route
from tests.unit.providers.exchanges import make_exchange

AT = datetime(2026, 11, 1, tzinfo=UTC)


def definition(**settings: Any) -> Definition:
    """The definition of `mine`, of OpenAI's dialect unless told otherwise."""
    given = {"dialect": "openai", "upstream": "https://api.example"} | settings
    return Definition.model_validate(with_defaults("mine", given))


def mine(**settings: Any) -> Provider:
    """The provider of such a definition."""
    return provider_of("mine", definition(**settings))


@pytest.fixture
def registered() -> Iterator[None]:
    """`mine` is registered."""
    register({"mine": definition(title="My gateway")})
    yield
    register({})


@pytest.mark.parametrize(
    ("upstream", "path", "goes_to"),
    [
        ("https://api.example", "/v1/chat/completions", "/v1/chat/completions"),
        ("https://api.example", "/chat/completions", "/v1/chat/completions"),
        ("https://api.example/v1", "/v1/chat/completions", "/chat/completions"),
        ("https://api.example/v1", "/chat/completions", "/chat/completions"),
        ("https://api.example/openai/v1", "/openai/v1/chat/completions", "/chat/completions"),
        ("https://api.example/openai/v1", "/v1/chat/completions", "/chat/completions"),
        ("https://api.example/openai/v1", "/chat/completions", "/chat/completions"),
        ("https://api.example/api", "/api/v1/embeddings", "/v1/embeddings"),
        ("https://api.example/api", "/embeddings", "/v1/embeddings"),
        ("https://api.example/v1", "//v1//models", "//models"),
        ("https://api.example/api/v4", "/v1/chat/completions", "/chat/completions"),
        ("https://api.example/v1beta/openai", "/v1/chat/completions", "/chat/completions"),
        ("https://api.example/v1beta/openai", "/chat/completions", "/chat/completions"),
        ("https://api.example/v1", "/v10/models", "/v10/models"),
        ("https://api.example", "/anything/else?no", "/anything/else?no"),
        ("https://api.example", "/", "/"),
        ("https://api.example/v1", "/v1", "/"),
    ],
)
def test_both_forms_of_base_urls_reach_the_api(upstream: str, path: str, goes_to: str) -> None:
    """The version and what stands before it are sent once, whether client, upstream or both have them."""
    route = mine(upstream=upstream).wire.route(path.encode())
    assert route is not None
    assert route.path.decode() == goes_to


def test_a_registered_provider_is_routed_like_an_installed_one(registered: None) -> None:
    """By its prefix, with errors in the shape of its dialect and secrets of its API."""
    route = match(b"/mine/v1/chat/completions")
    assert route is not None
    assert (route.provider, route.prefix) == ("mine", b"/mine")
    assert "/mine/..." in known()
    assert error_of("mine", 502, "UNAVAILABLE", "no") == error_of("openai", 502, "UNAVAILABLE", "no")
    # Several APIs have these.
    assert any(secrets_of("mine") is SECRETS[name] for name in ("azure", "ollama", "openai"))
    assert (ORIGINS["mine"].package, PROVIDERS["mine"].wire.title) == ("settings", "My gateway")
    register({})
    assert match(b"/mine/v1/models") is None
    assert PROVIDERS == INSTALLED


def test_an_exchange_is_read_by_the_dialect(registered: None) -> None:
    """Also where the version is in the upstream's address, and so not in the path."""
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    for path in ("/v1/chat/completions", "/chat/completions"):
        parsed = PROVIDERS["mine"].parse(
            make_exchange(path=path, request={"model": "m", "messages": []}, response={"model": "m-1", "usage": usage})
        )
        assert (parsed.operation, parsed.model, parsed.model_version) == ("openai.chat.completions", "m", "m-1")
        assert parsed.tokens["input"] == 3


def test_gemini_s_dialect_has_its_own_version() -> None:
    """A path without one gets that of the API whose dialect is spoken."""
    provider = mine(dialect="gemini")
    path = "/v1beta/models/gemini-2.5-pro:generateContent"
    assert provider.wire.route(path.removeprefix("/v1beta").encode()) == provider.wire.route(path.encode())
    below = mine(dialect="gemini", upstream="https://api.example/v1beta")
    assert below.wire.route(path.encode()) == Route("mine", path.removeprefix("/v1beta").encode())
    assert below.reader.operation("POST", path.removeprefix("/v1beta")) == ("generateContent", "gemini-2.5-pro")


def price(usage: Json = None, model: str = "big-model-2", **settings: Any) -> Cost | None:
    """The cost of a million tokens in, half of them cached, and 100,000 out."""
    tokens = NO_TOKENS | {"input": 1_000_000, "cached": 500_000, "output": 100_000, "total": 1_100_000}
    bill = Bill("openai.chat.completions", (None, model), tokens, {}, AT, usage=usage)
    return mine(**settings).reader.price(bill)


def test_prices_of_ones_own_are_per_model() -> None:
    """The exact name counts, then the longest beginning with a star."""
    prices = {"big-*": {"input": 1, "output": 10}, "*": {"input": 100}, "big-model-3": {"input": 2, "cached": 0.5}}
    assert price(prices=prices) == {"usd": 2.0, "source": "the setting providers.mine.prices"}
    assert price(prices=prices, model="big-model-3") == {"usd": 1.25, "source": "the setting providers.mine.prices"}
    assert price(prices=prices, model="small") == {"usd": 100.0, "source": "the setting providers.mine.prices"}
    assert price(prices={"x": {"input": 1}}) == {
        "usd": None,
        "source": None,
        "missing": "the setting providers.mine.prices has no price of big-model-2",
    }


def test_a_maker_of_genai_prices_is_a_price_list() -> None:
    """Names of models are that maker's own."""
    found = price(prices="groq", model="llama-3.3-70b-versatile")
    assert found is not None
    assert found["usd"] == pytest.approx(0.59 + 0.079)
    assert (found["source"] or "").startswith("genai-prices ")


def test_what_is_free_or_has_no_price_list_says_so() -> None:
    """Nothing is billed, or the price is not known: these differ."""
    assert price(prices="free") is None
    unknown = price()
    assert unknown is not None
    assert unknown["missing"] == "the setting providers.mine.prices names no price list"


@pytest.mark.parametrize(
    ("usage", "usd", "source"),
    [
        ({"cost": 0.0125}, 0.0125, "the answer itself: usage.cost"),
        ({"cost": 0}, 0.0, "the answer itself: usage.cost"),
        (
            {"cost": 0.25, "is_byok": True, "cost_details": {"upstream_inference_cost": 5}},
            5.25,
            "the answer itself: usage.cost and cost_details.upstream_inference_cost",
        ),
        (
            {"cost": 0.25, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.2}},
            0.25,
            "the answer itself: usage.cost",
        ),
        ({"cost": {"total_cost": 0.02, "request_cost": 0.01}}, 0.02, "the answer itself: usage.cost.total_cost"),
        ({"cost_in_usd_ticks": 37_756_000}, 0.0037756, "the answer itself: usage.cost_in_usd_ticks"),
    ],
)
def test_a_cost_that_the_answer_names_is_taken(usage: Json, usd: float, source: str) -> None:
    """It is what is billed, whatever a price list says."""
    assert price(usage, prices="groq") == {"usd": usd, "source": source}


@pytest.mark.parametrize("cost", [True, "1", -1, float("inf"), float("nan"), {"total": 1}, None])
def test_a_cost_that_is_no_amount_is_none(cost: Any) -> None:
    """The wire may have anything there."""
    assert told_cost({"cost": cost}) is None


def test_the_key_of_replays_is_the_variable_of_the_settings() -> None:
    """The header is the dialect's; without a variable no key is needed."""
    with_key = mine(key="MY_KEY").wire.credential(b"/v1/models")
    assert with_key is not None
    assert (with_key.variables, with_key.header, with_key.needed) == (("MY_KEY",), "authorization", True)
    without = mine().wire.credential(b"/v1/models")
    assert without is not None
    assert (without.find({"OPENAI_API_KEY": "other"}), without.needed) == (None, False)


def test_setup_has_the_address_of_a_provider_of_the_settings(registered: None) -> None:
    """For any client, since any may call it."""
    instructions = clients()["mine"].for_tap("http://localhost:4360")
    assert (instructions.title, instructions.lines) == ("Any client of My gateway", ("http://localhost:4360/mine/v1",))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_provider(name: str) -> None:
    """It needs no other setting, its prefix is free, and its price list exists."""
    preset = Definition.model_validate(with_defaults(name, {}))
    assert (preset.upstream, preset.title) == (PRESETS[name].upstream, PRESETS[name].title)
    makers = {each.id for each in genai_prices.data.providers}
    assert preset.prices in makers | {"free"}
    register({name: preset})
    try:
        route = match(f"/{preset.prefix}/v1/chat/completions".encode())
        assert route is not None
        full = f"{origin_of(route, {name: preset.upstream})}{route.path.decode()}"
        assert full.removeprefix(preset.upstream).lstrip("/").removeprefix("v1/") == "chat/completions"
        assert "/v1/v1/" not in full
    finally:
        register({})
