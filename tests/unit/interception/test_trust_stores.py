"""The stores that trust the authority, each undone without a trace: with the real programs, on folders of the test."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gemtap.interception.authority import Authority, authority_in
from gemtap.interception.trust_stores import AnchorFolder, CannotChange, NssDatabase, browser_stores, store_at


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return authority_in(tmp_path / "interception", ["api.openai.com"])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.browser
def test_the_system_store_of_debian(authority: Authority, tmp_path: Path) -> None:
    """The system's list has the authority, and afterwards is as it was."""
    local, etc, hooks = tmp_path / "local", tmp_path / "etc", tmp_path / "hooks"
    for folder in (local, etc, hooks):
        folder.mkdir()
    command = [
        "update-ca-certificates",
        *("--localcertsdir", str(local), "--etccertsdir", str(etc), "--hooksdir", str(hooks)),
    ]
    subprocess.run(command, check=True, capture_output=True)
    before = contents(etc)
    store = AnchorFolder(local, command)
    store.add(authority.files.certificate, authority.name)
    assert authority.pem.strip() in (etc / "ca-certificates.crt").read_bytes()
    store.remove(authority.name)
    assert contents(etc) == before
    assert contents(local) == {}


def test_a_failing_program_leaves_nothing(authority: Authority, tmp_path: Path) -> None:
    """If the program of a store fails, the copy is gone, and the error says what to do by hand."""
    with pytest.raises(CannotChange, match="sudo cp"):
        AnchorFolder(tmp_path, ["false"]).add(authority.files.certificate, authority.name)
    assert not list(tmp_path.glob("*.crt"))


def test_a_folder_that_may_not_be_written(authority: Authority, tmp_path: Path) -> None:
    """The error says which command does it."""
    with pytest.raises(CannotChange, match=r"sudo cp .* && sudo update-ca-certificates"):
        AnchorFolder(tmp_path / "missing", ["update-ca-certificates"]).add(authority.files.certificate, authority.name)


@pytest.mark.browser
def test_the_databases_of_browsers(authority: Authority, tmp_path: Path) -> None:
    """Firefox' profiles and Chromium's database trust it, and afterwards list nothing."""
    profile, chromium = tmp_path / ".mozilla/firefox/abc.default", tmp_path / ".pki/nssdb"
    for folder in (profile, chromium):
        folder.mkdir(parents=True)
        subprocess.run(["certutil", "-d", f"sql:{folder}", "-N", "--empty-password"], check=True)
    (tmp_path / ".mozilla/firefox/no-profile").mkdir()
    stores = browser_stores(tmp_path)
    assert [store.address for store in stores] == [f"nss:{chromium}", f"nss:{profile}"]
    for store in stores:
        store.add(authority.files.certificate, authority.name)
    assert authority.name in listed(profile)
    for store in stores:
        again = store_at(store.address)
        again.remove(authority.name)
        again.remove(authority.name)  # nothing is there any more
    assert authority.name not in listed(profile) + listed(chromium)


def listed(folder: Path) -> str:
    return subprocess.run(["certutil", "-d", f"sql:{folder}", "-L"], check=True, capture_output=True, text=True).stdout


def test_without_certutil_it_says_what_to_do(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the package, and the way by hand."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotChange, match="libnss3-tools"):
        NssDatabase(tmp_path, "Firefox").add(authority.files.certificate, authority.name)
