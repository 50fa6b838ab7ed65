"""Where settings come from, which source wins, and what is said of one that is wrong."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gemtap.environment_proxy import BadProxy, environment_proxy
from gemtap.settings import Settings, SettingsError, address_of, setting_names
from gemtap.settings_loading import load


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without gemtap.toml, and an environment without our variables."""
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.upper().startswith("GEMTAP_")]:
        monkeypatch.delenv(variable)
    return tmp_path


def complaint(flags: Mapping[str, Any] | None = None, config: Path | None = None) -> str:
    """The one line that is said of settings that cannot be."""
    with pytest.raises(SettingsError) as caught:
        load(flags, config=config)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_without_any_source_the_defaults_are_in_force(folder: Path) -> None:
    """Without any source, the defaults apply."""
    loaded = load()
    assert loaded.settings == Settings.model_validate({})
    assert loaded.origins == {}
    assert loaded.settings.store_url == f"sqlite:///{folder}/data/gemtap.db"


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Setting by setting, not source by source; and each says where it came from."""
    (folder / "gemtap.toml").write_text('port = 1001\ndashboard_port = 1002\nhost = "::1"\nworkers = 2\n')
    monkeypatch.setenv("GEMTAP_PORT", "2001")
    monkeypatch.setenv("GEMTAP_DASHBOARD_PORT", "2002")
    loaded = load({"port": 3001, "workers": None})
    assert loaded.settings.port == 3001
    assert loaded.settings.dashboard_port == 2002
    assert loaded.settings.host == "::1"
    assert loaded.settings.workers == 2
    assert loaded.origins == {
        "port": "flag --port",
        "dashboard_port": "GEMTAP_DASHBOARD_PORT",
        "host": "host in gemtap.toml",
        "workers": "workers in gemtap.toml",
    }


def test_an_upstream_has_the_same_three_places(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upstream is set by file, variable or flag."""

    def upstream(flags: Mapping[str, Any] | None = None) -> tuple[str, str]:
        loaded = load(flags)
        return loaded.settings.providers.gemini.upstream, loaded.origins["providers.gemini.upstream"]

    (folder / "gemtap.toml").write_text('[providers.gemini]\nupstream = "https://file.example"\n')
    assert upstream() == ("https://file.example", "providers.gemini.upstream in gemtap.toml")
    monkeypatch.setenv("GEMTAP_PROVIDERS__GEMINI__UPSTREAM", "https://variable.example")
    assert upstream() == ("https://variable.example", "GEMTAP_PROVIDERS__GEMINI__UPSTREAM")
    flags = {"providers": {"gemini": {"upstream": "https://flag.example/"}}}
    assert upstream(flags) == ("https://flag.example", "flag --upstream gemini=")


def test_no_upstream_on_the_command_line_leaves_the_others_in_force(folder: Path) -> None:
    """Without the flag, other sources of upstreams apply."""
    (folder / "gemtap.toml").write_text('providers.gemini.upstream = "https://file.example"\n')
    assert load({"providers": {}}).settings.providers.gemini.upstream == "https://file.example"


def test_the_file_that_is_named_is_read_and_not_the_usual_one(folder: Path) -> None:
    """A named settings file replaces the default one."""
    (folder / "gemtap.toml").write_text("port = 1001\n")
    other = folder / "other.toml"
    other.write_text("workers = 3\n")
    loaded = load(config=other)
    assert (loaded.settings.port, loaded.settings.workers) == (4360, 3)
    assert loaded.origins == {"workers": f"workers in {other}"}


@pytest.mark.parametrize("variable", ["GEMTAP_ALLOWED_HOSTS", "gemtap_allowed_hosts"])
def test_a_variable_takes_a_list_with_commas(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Lists in variables are separated by commas."""
    monkeypatch.setenv(variable, "gemtap.lan, box.example,")
    assert load().settings.allowed_hosts == ("gemtap.lan", "box.example")


def test_the_file_takes_a_list_as_toml_writes_it(folder: Path) -> None:
    """Lists in the file are TOML arrays."""
    (folder / "gemtap.toml").write_text('allowed_hosts = ["gemtap.lan", "box.example"]\ntls_names = "one.example"\n')
    settings = load().settings
    assert settings.allowed_hosts == ("gemtap.lan", "box.example")
    assert settings.tls_names == ("one.example",)


def test_an_empty_variable_is_an_empty_list_and_the_default_store(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty variables mean an empty list and the default store."""
    (folder / "gemtap.toml").write_text('store = "sqlite:///other.db"\ntrusted_fronts = ["10.0.0.1"]\n')
    monkeypatch.setenv("GEMTAP_STORE", "")
    monkeypatch.setenv("GEMTAP_TRUSTED_FRONTS", "")
    settings = load().settings
    assert settings.trusted_fronts == ()
    assert settings.store_url.endswith("/data/gemtap.db")


def test_a_path_may_begin_in_the_home_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a file no shell expands it, and nobody wants a folder called ~."""
    monkeypatch.setenv("HOME", "/home/me")
    (folder / "gemtap.toml").write_text('data_dir = "~/gemtap"\n')
    assert load().settings.data_dir == Path("/home/me/gemtap")


def test_the_tests_own_variables_and_the_name_of_the_file_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of tests and of the settings file are no settings."""
    monkeypatch.setenv("GEMTAP_TEST_RECORDINGS", "anywhere")
    monkeypatch.setenv("GEMTAP_CONFIG", "is read by --config")
    assert load().origins == {}


@pytest.mark.parametrize(
    ("toml", "name", "says"),
    [
        ("port = 0", "port", "it is less than 1."),
        ("port = 65536", "port", "it is more than 65535."),
        ('port = "http"', "port", "it is not a whole number."),
        ("port = 4361", "port", "a port each"),
        ("port.proxy = 4360", "port", "it is not a whole number."),
        ("workers = 0", "workers", "it is less than 1."),
        ("capture_max_body = -1", "capture_max_body", "it is less than 0."),
        ("shutdown_grace = 0", "shutdown_grace", "it is not more than 0."),
        ('behind_tls = "perhaps"', "behind_tls", "it is not true or false."),
        ('log_level = "loud"', "log_level", "'loud' is not one of debug, info, warning, error."),
        ('tls = "on"', "tls", "'on' is not one of off, auto."),
        ('tls_cert = "chain.pem"', "tls_cert", "tls_key must be given with it"),
        ('tls_key = "key.pem"', "tls_key", "tls_cert must be given with it"),
        ('tls = "auto"\ntls_cert = "c"\ntls_key = "k"', "tls_cert", "one of the two"),
        ("allowed_hosts = [1]", "allowed_hosts", "valid string"),
        ("allowed_hosts = 1", "allowed_hosts", "valid tuple"),
        ('data_dir = "~nobody-of-this-name/x"', "data_dir", "there is no such user"),
        ('store = "postgres://me:secret-word@host/db"', "store", "mongodb://HOST/DATABASE"),
        ('store = "gemtap.db"', "store", "sqlite:///PATH"),
        ('store = "sqlite:///"', "store", "sqlite:///PATH"),
        ('providers.gemini.upstream = "ftp://x"', "providers.gemini.upstream", "https://host"),
        ('providers.gemini.upstream = "example.com"', "providers.gemini.upstream", "https://host"),
        ('providers.gemini.upstream = "http://h/?key=1"', "providers.gemini.upstream", "https://host"),
        ('providers.gemini.upstream = "http://h:99999"', "providers.gemini.upstream", "out of range"),
        ('providers.gemini.upstream = "http://[::1"', "providers.gemini.upstream", "IPv6"),
    ],
)
def test_a_bad_setting_in_the_file_is_named_with_the_file(folder: Path, toml: str, name: str, says: str) -> None:
    """The error of a setting in the file names the file."""
    (folder / "gemtap.toml").write_text(toml)
    message = complaint()
    assert message.startswith(f"Bad setting {name} in gemtap.toml: ")
    assert says in message
    assert "secret-word" not in message


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GEMTAP_PORT", "abc"),
        ("GEMTAP_PORT", ""),
        ("GEMTAP_BEHIND_TLS", "perhaps"),
        ("GEMTAP_TLS_CERT", "chain.pem"),
        ("GEMTAP_STORE", "mysql://host"),
        ("GEMTAP_PROVIDERS__GEMINI__UPSTREAM", "generativelanguage.googleapis.com"),
    ],
)
def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """The error of a variable names it."""
    monkeypatch.setenv(variable, value)
    assert complaint().startswith(f"Bad setting {variable}: ")


@pytest.mark.parametrize(
    ("flags", "flag"),
    [
        ({"port": 70000}, "--port"),
        ({"dashboard_port": 0}, "--dashboard-port"),
        ({"dashboard_port": 4360}, "--dashboard-port"),
        ({"port": 4361}, "--port"),
        ({"tls_cert": Path("chain.pem")}, "--tls-cert"),
        ({"log_level": "loud"}, "--log-level"),
        ({"store": "somewhere"}, "--store"),
        ({"providers": {"gemini": {"upstream": "x"}}}, "--upstream gemini="),
    ],
)
def test_a_bad_flag_is_named(flags: Mapping[str, Any], flag: str) -> None:
    """The error of a flag names it."""
    assert complaint(flags).startswith(f"Bad flag {flag}: ")


def test_of_two_sources_the_one_that_is_in_force_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the source that takes precedence."""
    (folder / "gemtap.toml").write_text("port = 4000\n")
    monkeypatch.setenv("GEMTAP_PORT", "0")
    assert complaint().startswith("Bad setting GEMTAP_PORT: ")


@pytest.mark.parametrize(
    ("toml", "name", "known"),
    [
        ("prot = 4360", "prot", "port"),
        ("[server]", "server", "port"),
        ("[providers.gemini]\nurl = 'https://x.example'", "providers.gemini.url", "providers.gemini.upstream"),
        ("[providers.mine]\nurl = 'https://x.example'", "providers.mine.url", "providers.gemini.upstream"),
        ("providers = 'gemini'", "providers", "providers.gemini.upstream"),
    ],
)
def test_an_unknown_key_of_the_file_is_an_error(folder: Path, toml: str, name: str, known: str) -> None:
    """An unknown key of the file is an error."""
    (folder / "gemtap.toml").write_text(toml)
    message = complaint()
    assert message.startswith(f"Unknown setting {name} in gemtap.toml. ")
    assert known in message.partition("Known settings: ")[2]


def test_a_misspelt_setting_is_told_which_one_was_meant(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is long."""
    (folder / "gemtap.toml").write_text("prune_oldr_than = '90d'")
    assert " in gemtap.toml. Did you mean prune_older_than? Known settings: " in complaint()
    (folder / "gemtap.toml").unlink()
    monkeypatch.setenv("GEMTAP_PROT", "1")
    assert complaint().startswith("Unknown setting GEMTAP_PROT. Did you mean GEMTAP_PORT? Known settings: ")


@pytest.mark.parametrize("variable", ["GEMTAP_PROT", "GEMTAP_CONFIGURATION", "gemtap_prot", "GEMTAP_PROVIDERS"])
def test_an_unknown_variable_is_an_error(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """An unknown variable is an error."""
    monkeypatch.setenv(variable, "1")
    message = complaint()
    assert message.startswith(f"Unknown setting {variable}. ")
    assert "GEMTAP_PORT" in message


def test_an_upstream_of_an_unknown_provider_is_an_error() -> None:
    """An upstream of an unknown provider is an error."""
    message = complaint({"providers": {"mine": {"upstream": "https://x.example"}}})
    assert message.startswith("Bad flag --upstream mine=: providers.mine needs a dialect")
    assert "Installed are gemini, " in message


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    """A missing settings file is named."""
    assert "absent.toml: No such file or directory" in complaint(config=folder / "absent.toml")


@pytest.mark.parametrize("content", [b"port = ", b"port = 1\nport = 2", b"\xff", b"port: 4360"])
def test_a_file_that_is_no_toml_is_named(folder: Path, content: bytes) -> None:
    """An invalid settings file is named."""
    (folder / "gemtap.toml").write_bytes(content)
    assert complaint().startswith("The settings file gemtap.toml is not valid TOML: ")


def test_a_password_in_a_bad_store_is_not_repeated() -> None:
    """The error of a store URL hides its password."""
    assert "secret-word" not in complaint({"store": "mongo://me:secret-word@host/db"})


def test_what_a_child_process_is_sent_gives_the_same_settings() -> None:
    """Child processes get the same settings."""
    settings = load({"allowed_hosts": "a.example,b.example", "tls_cert": Path("c"), "tls_key": Path("k")}).settings
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_every_setting_has_a_name_and_they_are_all_different() -> None:
    """Names of settings are unique."""
    names = list(setting_names())
    assert len(names) == len(set(names))
    assert "providers.gemini.upstream" in names
    assert "providers" not in names


@pytest.mark.parametrize(
    ("flags", "address"),
    [
        ({}, "http://localhost:4360"),
        ({"host": "0.0.0.0"}, "http://localhost:4360"),
        ({"host": "::", "port": 80}, "http://localhost:80"),
        ({"host": "192.0.2.7"}, "http://192.0.2.7:4360"),
        ({"host": "2001:db8::7"}, "http://[2001:db8::7]:4360"),
        ({"host": "box.example", "tls": "auto"}, "https://box.example:4360"),
    ],
)
def test_the_address_is_one_that_clients_here_can_use(flags: Mapping[str, Any], address: str) -> None:
    """The displayed address works for local clients."""
    assert address_of(load(flags).settings) == address


@pytest.mark.parametrize(
    ("proxy", "wrong"),
    [
        ("sock5://user:swordfish@127.0.0.1:3128", "scheme sock5"),
        ("socks5://127.0.0.1:3128", "scheme socks5"),
        ("user:swordfish@127.0.0.1:3128", "no scheme"),
        ("127.0.0.1:3128", "no scheme"),
        ("http://:3128", "names no host"),
        ("http://host:port", "no valid address"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(
    proxy: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says which variable is wrong and what is right."""
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(BadProxy, match=wrong) as caught:
        environment_proxy("http://upstream.example")
    assert "http_proxy" in str(caught.value)
    assert "http://host:port" in str(caught.value)
    assert "swordfish" not in str(caught.value)


def test_a_proxy_that_is_bypassed_may_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """It matters only for upstreams that are reached through it."""
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "upstream.example")
    assert environment_proxy("http://upstream.example") is None


def test_what_was_insecure_is_named_with_what_to_use_instead(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting of earlier versions, in the file and as a variable."""
    (folder / "gemtap.toml").write_text("insecure = true")
    assert complaint().startswith("insecure in gemtap.toml no longer exists. ")
    monkeypatch.setenv("GEMTAP_INSECURE", "true")
    (folder / "gemtap.toml").unlink()
    message = complaint()
    assert message.startswith("GEMTAP_INSECURE no longer exists. ")
    assert "published_on" in message


@pytest.mark.parametrize(
    ("values", "is_exposed", "dashboard"),
    [
        ({}, False, "http"),
        ({"tls": "auto"}, False, "http"),
        ({"host": "0.0.0.0", "tls": "auto"}, True, "https"),
        ({"host": "0.0.0.0", "published_on": "127.0.0.1"}, False, "http"),
        ({"published_on": "192.0.2.1"}, True, "http"),
        ({"host": "gemtap.example"}, True, "http"),
    ],
)
def test_who_can_connect(values: dict[str, Any], is_exposed: bool, dashboard: str) -> None:
    """Loopback is this machine alone; the dashboard speaks TLS as the proxy does where others can connect."""
    settings = Settings(**values)
    assert (settings.is_exposed, settings.dashboard_scheme) == (is_exposed, dashboard)
