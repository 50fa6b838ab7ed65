"""Providers from other packages: one folder and an entry point, and nothing of Gemtap is touched."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gemtap.providers.registry import PROVIDERS

PLUGIN = Path(__file__).parents[3] / "examples" / "gemtap-toy" / "src"

USE = """
import json
from gemtap.providers.declared_secrets import secrets_of
from gemtap.tap.errors import answer

print(json.dumps({
    "secret": [b"x-toy-key" in secrets_of("toy").headers, b"x-toy-key" in secrets_of("gemini").headers],
    "error": json.loads(answer(502, "UNAVAILABLE", "away", "toy")[1]),
}))
"""


def run(*arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    """A Python process in which the packages of a folder are installed."""
    root = Path(__file__).parents[3]
    return subprocess.run(
        [sys.executable, *arguments],
        env={"PYTHONPATH": f"{PLUGIN}:{path}:{root}", "PATH": "/usr/bin:/bin", "HOME": str(path)},
        cwd=path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def install(folder: Path, value: str, name: str = "toy") -> None:
    """Write what an installer would write of a package with this entry point."""
    metadata = folder / f"gemtap_{name}-1.5.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: gemtap-{name}\nVersion: 1.5\n")
    (metadata / "entry_points.txt").write_text(f"[gemtap.providers]\n{name} = {value}\n")


CLAIMS_PATHS = """
from dataclasses import replace
from gemtap_toy import PROVIDER as TOY
Wire = type("Wire", (type(TOY.wire),), {"name": "upload", "prefix": "upload"})
PROVIDER = replace(TOY, wire=Wire())
"""


def listed(path: Path) -> tuple[int, Any]:
    done = run("-m", "gemtap", "providers", "--json", path=path)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_the_proxy_knows_its_secrets_and_its_shape_of_errors(tmp_path: Path) -> None:
    """Its secret headers are secret everywhere, since clients send one API's key to another's address."""
    install(tmp_path, "gemtap_toy:PROVIDER")
    done = run("-c", USE, path=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["secret"] == [True, True]
    assert found["error"] == {"error": {"message": "away", "type": "unavailable"}}


def test_providers_are_listed_with_their_package(tmp_path: Path) -> None:
    """`gemtap providers` shows where each comes from."""
    install(tmp_path, "gemtap_toy:PROVIDER")
    status, found = listed(tmp_path)
    by_name = {each["name"]: each for each in found["providers"]}
    assert (status, found["faults"]) == (0, [])
    assert next(iter(by_name)) == "gemini"
    assert (by_name["toy"]["package"], by_name["toy"]["version"], by_name["toy"]["prefix"]) == (
        "gemtap-toy",
        "1.5",
        "/toy",
    )
    assert by_name["gemini"]["package"] == "gemtap"


@pytest.mark.parametrize(
    ("value", "name", "reason"),
    [
        ("no_such_module:PROVIDER", "toy", "ModuleNotFoundError"),
        ("gemtap_toy.wire:WIRE", "toy", "is no gemtap.providers.provider.Provider"),
        ("gemtap_toy:PROVIDER", "other", "its entry point is named other"),
        ("gemtap.providers.gemini:PROVIDER", "gemini", "already taken by gemini"),
        ("claims_paths:PROVIDER", "upload", "paths of gemini begin with its prefix"),
        ("ends_the_process:PROVIDER", "toy", "SystemExit"),
        ("no_such_module:PROVIDER", "upstreams", "ModuleNotFoundError"),
        ("no_such_module:PROVIDER", "_private", "ModuleNotFoundError"),
    ],
)
def test_a_faulty_provider_is_reported_and_left_out(tmp_path: Path, value: str, name: str, reason: str) -> None:
    """The others work as before."""
    (tmp_path / "claims_paths.py").write_text(CLAIMS_PATHS)
    (tmp_path / "ends_the_process.py").write_text("raise SystemExit(3)")
    install(tmp_path, value, name)
    status, found = listed(tmp_path)
    assert status == 1
    (fault,) = found["faults"]
    assert reason in fault["reason"]
    assert fault["package"] == f"gemtap-{name}"
    assert {each["name"] for each in found["providers"]} == set(PROVIDERS)
