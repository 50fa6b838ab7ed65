"""TLS of the tap: a given certificate, or one from a local authority that is created once in the data directory.

Some clients require TLS: Python's Live client accepts only wss.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gemtap.durable_files import replace_file

_CA_DAYS: Final = 3650
_DAYS: Final = 397
"""Validity in days. Browsers and Apple's libraries accept no longer one for servers."""

_RENEW_BEFORE: Final = timedelta(days=30)


class Certificate(NamedTuple):
    """Paths of the server's certificate and its key."""

    certificate: Path
    key: Path
    authority: Path | None = None
    """Path of the authority that clients must trust, or None for a given certificate."""


def local_certificate(folder: Path, hosts: Sequence[str]) -> Certificate:
    """A certificate for these host names and addresses, created at the first call and renewed before it expires.

    The authority stays the same, so that clients need to trust it only once. Raises OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = Certificate(folder / "ca.pem", folder / "ca-key.pem")
    if not (authority.certificate.exists() and authority.key.exists()):
        write_pair(authority, *_make_authority())
    server = Certificate(folder / "tap.pem", folder / "tap-key.pem", authority.certificate)
    if not _is_good(server, authority, hosts):
        write_pair(server, *_make_certificate(authority, hosts))
    return server


def _make_authority() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Gemtap on {os.uname().nodename}"[:64])])
    builder = (
        certificate_builder(name, name, key, _CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, hashes.SHA256()), key


def _make_certificate(
    authority: Certificate, hosts: Sequence[str]
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    ca = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    ca_key = serialization.load_pem_private_key(authority.key.read_bytes(), password=None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Gemtap")])
    builder = (
        certificate_builder(name, ca.subject, key, _DAYS)
        .add_extension(x509.SubjectAlternativeName(_names(hosts)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    return builder.sign(ca_key, hashes.SHA256()), key


def certificate_builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: float
) -> x509.CertificateBuilder:
    """A certificate that is valid from yesterday on, for this number of days from now, without extensions yet."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # the clocks of containers may be behind
        .not_valid_after(now + timedelta(days=days))
    )


def key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """What the key of an authority, or of a server, may be used for."""
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    return [_name(host) for host in dict.fromkeys(("localhost", "127.0.0.1", "::1", *hosts))]


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _is_good(server: Certificate, authority: Certificate, hosts: Sequence[str]) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(server.certificate.read_bytes())
        issuer = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
        certificate.verify_directly_issued_by(issuer)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:
        return False  # missing, from another authority, or damaged: create a new one
    lasts = certificate.not_valid_after_utc - datetime.now(UTC) > _RENEW_BEFORE
    return lasts and server.key.exists() and set(_names(hosts)) <= set(names)


def write_pair(where: Certificate, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    """Write the key and the certificate as PEM, for their owner alone, each whole or not at all. Raises OSError."""
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for path, content in ((where.key, secret), (where.certificate, certificate.public_bytes(pem))):
        replace_file(path, content)
