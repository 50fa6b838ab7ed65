"""The local authority and the certificates that it makes."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from gemtap.tls import Certificate, local_certificate


def handshake(made: Certificate, host: str) -> None:
    """A real TLS handshake by a client that trusts the authority and nobody else."""
    assert made.authority is not None
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(made.certificate, made.key)
    client = ssl.create_default_context(cafile=made.authority)
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    answering = threading.Thread(target=serve)
    answering.start()
    try:
        client.wrap_socket(ours, server_hostname=host).close()
    finally:
        ours.close()
        answering.join(10)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "tap.example"])
def test_a_client_that_trusts_the_authority_connects(tmp_path: Path, host: str) -> None:
    """A client that trusts the authority connects."""
    handshake(local_certificate(tmp_path / "tls", ["tap.example"]), host)


def test_it_is_good_for_its_names_only(tmp_path: Path) -> None:
    """The certificate is valid for its names only."""
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(local_certificate(tmp_path / "tls", []), "tap.example")


def test_the_second_call_gives_the_same(tmp_path: Path) -> None:
    """A second call returns the same certificate."""
    first = local_certificate(tmp_path, []).certificate.read_bytes()
    assert local_certificate(tmp_path, []).certificate.read_bytes() == first


@pytest.mark.parametrize("reason", ["another name", "damaged", "no key", "near its end"])
def test_another_one_is_made_under_the_same_authority(
    tmp_path: Path, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new certificate has the same authority."""
    if reason == "near its end":
        monkeypatch.setattr("gemtap.tls._DAYS", 20)
    before = local_certificate(tmp_path, [])
    monkeypatch.undo()
    assert before.authority is not None
    authority, old = before.authority.read_bytes(), before.certificate.read_bytes()
    if reason == "damaged":
        before.certificate.write_text("nothing")
    if reason == "no key":
        before.key.unlink()
    after = local_certificate(tmp_path, ["new.example"] if reason == "another name" else [])
    assert after.certificate.read_bytes() != old
    assert after.authority is not None
    assert after.authority.read_bytes() == authority
    handshake(after, "localhost")


def test_it_lasts_as_long_as_clients_accept(tmp_path: Path) -> None:
    """The validity is one that clients accept."""
    certificate = x509.load_pem_x509_certificate(local_certificate(tmp_path, []).certificate.read_bytes())
    lasts = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lasts <= timedelta(days=398)
    assert certificate.not_valid_before_utc < datetime.now(UTC)


def test_the_keys_are_for_nobody_else(tmp_path: Path) -> None:
    """Only the owner may read the keys."""
    mask = os.umask(0)
    try:
        local_certificate(tmp_path / "tls", [])
    finally:
        os.umask(mask)
    assert (tmp_path / "tls").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "tls").iterdir()} == {0o600}
