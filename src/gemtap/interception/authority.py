"""The local authority for interception, and the certificates that it makes for the hosts of providers.

The authority is made once, in a folder of the data directory. It is constrained to the domains of the providers: what
somebody who steals its key could sign is accepted for no other host. The certificates of hosts live for two days and
are never written to a disk.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gemtap.interception.trusted import has_trust
from gemtap.tls import Certificate, certificate_builder, key_usage, write_pair

_DAYS: Final = 3650
_LEAF_DAYS: Final = 1
_RENEW_LEAF_BEFORE: Final = timedelta(hours=12)
_RENEW_BEFORE: Final = timedelta(days=30)

_EVERY_ADDRESS: Final = ("0.0.0.0/0", "::/0")

_PEM: Final = serialization.Encoding.PEM


class NotCovered(Exception):
    """The authority may not sign for a host. One line: why, and what to do."""


class Authority:
    """An authority with its key."""

    def __init__(self, files: Certificate) -> None:
        """Read it. Raises OSError or ValueError."""
        self.files = files
        self.pem = files.certificate.read_bytes()
        self.certificate = x509.load_pem_x509_certificate(self.pem)
        key = serialization.load_pem_private_key(files.key.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != self.certificate.public_key():
            raise ValueError("the key is not the certificate's")
        self._key = key

    @property
    def domains(self) -> list[str]:
        """The domains that it is constrained to."""
        constraints = self.certificate.extensions.get_extension_for_class(x509.NameConstraints).value
        return [str(each.value) for each in constraints.permitted_subtrees or ()]

    @property
    def name(self) -> str:
        """Its common name, which no other authority has."""
        return str(self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the certificate, in hexadecimal digits."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def is_expired(self) -> bool:
        """Whether it is over, or nearly."""
        return self.certificate.not_valid_after_utc - datetime.now(UTC) < _RENEW_BEFORE

    def covers(self, host: str) -> bool:
        """Whether it may sign for a host."""
        return any(host == domain or host.endswith(f".{domain}") for domain in self.domains)

    def server_context(self, host: str) -> Leaf:
        """What a server needs to speak TLS as this host. Raises NotCovered."""
        if not self.covers(host):
            raise NotCovered(
                f"The authority of Gemtap was made before {host} was a provider's, and may not sign for it. "
                "`gemtap ca rotate` makes a new one."
            )
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
        builder = (
            certificate_builder(subject, self.certificate.subject, key, _LEAF_DAYS)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        certificate = builder.sign(self._key, hashes.SHA256())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2", "http/1.1"])
        secret = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        with _in_memory(secret + certificate.public_bytes(_PEM) + self.pem) as path:
            context.load_cert_chain(path)
        return Leaf(context, certificate.not_valid_after_utc - _RENEW_LEAF_BEFORE)


class Leaf:
    """The certificate of one host, for a server."""

    def __init__(self, context: ssl.SSLContext, renew_at: datetime) -> None:
        self.context = context
        self._renew_at = renew_at

    @property
    def is_fresh(self) -> bool:
        """Whether it may be used for another connection."""
        return datetime.now(UTC) < self._renew_at


def files_in(folder: Path) -> Certificate:
    """Where an authority and its key lie."""
    return Certificate(folder / "ca.pem", folder / "ca-key.pem")


def authority_in(folder: Path, domains: Sequence[str]) -> Authority:
    """The authority of a folder, which is made where there is none, or none that can be used. Raises OSError.

    One that does not cover every domain is replaced, unless a store of the system trusts it: that one stays until
    `rotate`.
    """
    with _locked(folder):
        with contextlib.suppress(OSError, ValueError, x509.ExtensionNotFound):
            found = Authority(files_in(folder))
            covers = all(found.covers(domain) for domain in domains)
            if not found.is_expired and (covers or has_trust(folder)):
                return found
        return _make(folder, domains)


def existing(folder: Path) -> Authority | None:
    """The authority of a folder; None where there is none that can be used."""
    try:
        return Authority(files_in(folder))
    except (OSError, ValueError):
        return None


def rotate(folder: Path, domains: Sequence[str]) -> Authority:
    """Replace the authority by a new one. Raises OSError."""
    with _locked(folder):
        return _make(folder, domains)


def _make(folder: Path, domains: Sequence[str]) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    # Two authorities of the same name in one store could not be told apart.
    title = f"Gemtap interception on {os.uname().nodename}"[:45] + f" {now:%Y-%m-%d %H%M%S}"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)])
    constraints = x509.NameConstraints(
        permitted_subtrees=[x509.DNSName(domain) for domain in domains],
        excluded_subtrees=[x509.IPAddress(ipaddress.ip_network(each)) for each in _EVERY_ADDRESS],
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        certificate_builder(name, name, key, _DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
        .add_extension(constraints, critical=True)
        .add_extension(identifier, critical=False)
    )
    files = files_in(folder)
    write_pair(files, builder.sign(key, hashes.SHA256()), key)
    return Authority(files)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes from making an authority at the same time."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """A path with this content for as long as it is needed, since OpenSSL reads keys from files alone."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("gemtap")
        try:
            os.write(file, content)
            yield f"/proc/self/fd/{file}"
        finally:
            os.close(file)
        return
    with tempfile.NamedTemporaryFile() as temporary:
        temporary.write(content)
        temporary.flush()
        yield temporary.name
