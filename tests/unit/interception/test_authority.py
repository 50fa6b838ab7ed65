"""The authority for interception: what it may sign for, and when another one is made."""

from __future__ import annotations

import os
import re
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gemtap.interception.authority import Authority, NotCovered, authority_in, rotate
from gemtap.interception.trusted import note_trusted
from gemtap.providers.hosts import domains_of, provider_domains, provider_of_host
from gemtap.providers.registry import PROVIDERS
from gemtap.tls import certificate_builder

DOMAINS = ["api.openai.com", "googleapis.com"]


def accepted(server: ssl.SSLContext, authority: Authority, host: str) -> None:
    """A real handshake by a client that trusts the authority and nobody else."""
    client = ssl.create_default_context(cadata=authority.pem.decode())
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    serving = threading.Thread(target=serve)
    serving.start()
    try:
        client.wrap_socket(ours, server_hostname=host).close()
    finally:
        ours.close()
        serving.join(10)


@pytest.mark.parametrize("host", ["api.openai.com", "generativelanguage.googleapis.com"])
def test_hosts_of_its_domains_are_accepted(tmp_path: Path, host: str) -> None:
    """A client that trusts the authority connects to a provider's host."""
    authority = authority_in(tmp_path, DOMAINS)
    accepted(authority.server_context(host).context, authority, host)


def test_it_signs_for_no_other_host(tmp_path: Path) -> None:
    """A host outside of its domains is refused, and the error says what to do."""
    with pytest.raises(NotCovered, match="gemtap ca rotate"):
        authority_in(tmp_path, DOMAINS).server_context("api.openai.com.evil.example")


@pytest.mark.parametrize("names", [[x509.DNSName("bank.example")], [x509.DNSName("localhost")]])
def test_what_a_thief_signs_for_another_host_is_not_accepted(tmp_path: Path, names: list[x509.GeneralName]) -> None:
    """The constraint is in the certificate: clients refuse others even with the authority's own signature."""
    authority = authority_in(tmp_path, DOMAINS)
    signer = serialization.load_pem_private_key(authority.files.key.read_bytes(), password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    certificate = (
        certificate_builder(subject, authority.certificate.subject, key, 1)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(signer, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    chain = tmp_path / "stolen.pem"
    chain.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(chain)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        accepted(server, authority, str(names[0].value))


def test_its_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    """The key is 0600, its folder 0700, and the certificates of hosts leave no file."""
    authority = authority_in(tmp_path / "interception", DOMAINS)
    authority.server_context("api.openai.com")
    assert (tmp_path / "interception").stat().st_mode & 0o777 == 0o700
    assert authority.files.key.stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(tmp_path / "interception")) == ["ca-key.pem", "ca.pem", "lock"]


def test_leaves_are_short_lived(tmp_path: Path) -> None:
    """The certificate of a host is over within two days, and renewed before."""
    leaf = authority_in(tmp_path, DOMAINS).server_context("api.openai.com")
    assert leaf.is_fresh
    assert leaf._renew_at < datetime.now(UTC) + timedelta(days=1)


def test_it_stays_until_something_is_missing(tmp_path: Path) -> None:
    """A second call returns the same; further domains and damage make a new one."""
    first = authority_in(tmp_path, DOMAINS)
    assert authority_in(tmp_path, DOMAINS[:1]).fingerprint == first.fingerprint
    second = authority_in(tmp_path, [*DOMAINS, "api.mistral.ai"])
    assert second.fingerprint != first.fingerprint
    second.files.key.write_bytes(b"damaged")
    assert authority_in(tmp_path, DOMAINS).fingerprint not in (first.fingerprint, second.fingerprint)


def test_one_that_is_trusted_stays_until_it_is_rotated(tmp_path: Path) -> None:
    """What a store trusts is not replaced behind its back."""
    first = authority_in(tmp_path, DOMAINS)
    note_trusted(tmp_path, {"nss:/x": first.name})
    assert authority_in(tmp_path, [*DOMAINS, "api.mistral.ai"]).fingerprint == first.fingerprint
    assert rotate(tmp_path, DOMAINS).fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("pattern", "domains"),
    [
        (r"api\.example\.com", {"api.example.com"}),
        (r"(a|b)\.example\.com|c\.example\.org", {"a.example.com", "b.example.com", "c.example.org"}),
        (r"(.+-)?api(\.[a-z]+\.eu)?\.example\.com", {"api.example.com", "eu.example.com", "example.com"}),
        (r"[a-z]+\.(?:x\.example|y\.example)\.com", {"x.example.com", "y.example.com"}),
        (r"(?!bad)[a-z]+\.example\.com", {"example.com"}),
        (r".*\.com", set()),
        (r".*", set()),
    ],
)
def test_domains_are_as_narrow_as_patterns_tell(pattern: str, domains: set[str]) -> None:
    """Whole labels only, and never a domain of one label."""
    assert domains_of([re.compile(pattern)]) == domains


def test_the_providers_domains_contain_their_hosts() -> None:
    """Hosts that the providers know lie in the domains, and no domain is below a public ending only."""
    hosts = ["generativelanguage.googleapis.com", "europe-west4-aiplatform.googleapis.com", "mine.openai.azure.com"]
    for host in hosts:
        assert provider_of_host(host) is not None
        assert any(host == each or host.endswith(f".{each}") for each in provider_domains())
    assert provider_of_host("generativelanguage.googleapis.com.evil.example") is None
    assert provider_of_host("storage.googleapis.com") is None
    assert not {"com", "ai", "azure.com"} & set(provider_domains())
    assert all(isinstance(each, re.Pattern) for provider in PROVIDERS.values() for each in provider.wire.hosts)
