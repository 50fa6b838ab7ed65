"""The stores of a machine in which an authority can be trusted, each with the way back.

Every change is made by the store's own program. Where that is missing, or may not be run, `CannotChange` says what to
do by hand.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

_FILE: Final = "gemtap-interception.crt"

_TIME_LIMIT: Final = 120.0
"""Seconds for one program. `security` of macOS asks for a password."""


class CannotChange(Exception):
    """A store was not changed. One line: why, and what to do."""


class TrustStore(ABC):
    """One store."""

    address: str
    """By which a later call finds it again."""
    title: str
    """For people."""

    @abstractmethod
    def add(self, certificate: Path, name: str) -> None:
        """Trust a certificate (PEM), under a name. Raises CannotChange."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove what was trusted under this name; nothing happens if it is not there. Raises CannotChange."""


class AnchorFolder(TrustStore):
    """A folder of certificates from which a program makes the system's list: Debian and Ubuntu, Fedora, Arch."""

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        self.address = f"system:{folder}"
        self.title = "the system"
        self._file = folder / _FILE
        self._command = command

    def add(self, certificate: Path, name: str) -> None:
        """Copy it there, and make the list."""
        by_hand = f"sudo cp {certificate} {self._file} && sudo {' '.join(self._command)}"
        try:
            shutil.copyfile(certificate, self._file)
            self._file.chmod(0o644)
        except OSError as exc:
            raise CannotChange(f"{self._file} cannot be written ({exc.strerror}). Run: {by_hand}") from exc
        try:
            _run(self._command, by_hand)
        except CannotChange:
            self._file.unlink(missing_ok=True)
            raise

    def remove(self, name: str) -> None:
        """Remove the copy, and make the list."""
        by_hand = f"sudo rm -f {self._file} && sudo {' '.join(self._command)}"
        if not self._file.exists():
            return
        try:
            self._file.unlink()
        except OSError as exc:
            raise CannotChange(f"{self._file} cannot be removed ({exc.strerror}). Run: {by_hand}") from exc
        _run(self._command, by_hand)


class Keychain(TrustStore):
    """The login keychain of macOS."""

    def __init__(self, file: Path) -> None:
        self.address = f"keychain:{file}"
        self.title = "the login keychain"
        self._file = file

    def add(self, certificate: Path, name: str) -> None:
        """Add it as a root; macOS asks for the user's password."""
        command = ["security", "add-trusted-cert", "-r", "trustRoot", "-k", str(self._file), str(certificate)]
        _run(command, " ".join(command))

    def remove(self, name: str) -> None:
        """Delete the certificate with its trust settings."""
        if _start(["security", "find-certificate", "-c", name, str(self._file)]).returncode:
            return
        command = ["security", "delete-certificate", "-t", "-c", name, str(self._file)]
        _run(command, " ".join(command))


class NssDatabase(TrustStore):
    """A certificate database of NSS: one profile of Firefox, or that of Chromium on Linux."""

    def __init__(self, folder: Path, title: str) -> None:
        self.address = f"nss:{folder}"
        self.title = f"{title} ({folder})"
        self._database = f"sql:{folder}"

    def add(self, certificate: Path, name: str) -> None:
        """Trust it as an authority for servers."""
        self._certutil(["-A", "-t", "C,,", "-n", name, "-i", str(certificate)], f"import {certificate}")

    def remove(self, name: str) -> None:
        """Delete it."""
        found = shutil.which("certutil") is not None
        if found and _start(["certutil", "-d", self._database, "-L", "-n", name]).returncode:
            return
        self._certutil(["-D", "-n", name], f"delete {name}")

    def _certutil(self, arguments: Sequence[str], in_browser: str) -> None:
        by_hand = (
            "install certutil (Debian: libnss3-tools, Fedora: nss-tools, macOS: brew install nss), or in the browser's "
            f"settings, under certificates and authorities, {in_browser}"
        )
        _run(["certutil", "-d", self._database, *arguments], by_hand)


def system_stores() -> list[TrustStore]:
    """The store of the operating system; empty where Gemtap knows none."""
    if sys.platform == "darwin":
        return [Keychain(Path.home() / "Library/Keychains/login.keychain-db")]
    known = (
        ("/usr/local/share/ca-certificates", ["update-ca-certificates"]),
        ("/etc/pki/ca-trust/source/anchors", ["update-ca-trust", "extract"]),
        ("/etc/ca-certificates/trust-source/anchors", ["trust", "extract-compat"]),
    )
    for folder, command in known:
        if Path(folder).is_dir():
            return [AnchorFolder(Path(folder), command)]
    return []


def browser_stores(home: Path) -> list[TrustStore]:
    """The databases of Firefox and Chromium in a home folder."""
    return [NssDatabase(folder, title) for folder, title in _nss_folders(home) if (folder / "cert9.db").exists()]


def store_at(address: str) -> TrustStore:
    """The store with this address. Raises CannotChange."""
    kind, _, place = address.partition(":")
    found = next((each for each in system_stores() if each.address == address), None)
    if found is not None:
        return found
    if kind == "nss":
        return NssDatabase(Path(place), "the browser")
    raise CannotChange(
        f"{address} is not a certificate store of this machine. Remove Gemtap's certificate from it by hand."
    )


def _nss_folders(home: Path) -> Iterator[tuple[Path, str]]:
    yield home / ".pki/nssdb", "Chromium"
    firefox = (
        ".mozilla/firefox",
        "snap/firefox/common/.mozilla/firefox",
        ".var/app/org.mozilla.firefox/.mozilla/firefox",
        "Library/Application Support/Firefox/Profiles",
    )
    for place in firefox:
        for profile in sorted((home / place).glob("*")):
            yield profile, "Firefox"


def _start(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run one of the programs above. Raises OSError or TimeoutExpired."""
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(  # noqa: S603 - the stores' own programs
        command, capture_output=True, text=True, timeout=_TIME_LIMIT, env=environment
    )


def _run(command: Sequence[str], by_hand: str) -> None:
    try:
        done = _start(command)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise CannotChange(f"{command[0]} cannot be run ({exc}). By hand: {by_hand}") from exc
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise CannotChange(f"{command[0]} failed: {said[-1] if said else done.returncode}. By hand: {by_hand}")
