"""Files with certificates for one command: the system's authorities, those that the command had, and Gemtap's."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate, serialize_java_truststore

STORE_PASSWORD: Final = "gemtap"  # noqa: S105 - the store holds no secret, and Java insists on one
"""The password of Java's trust store."""

BUNDLES: Final = (
    *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "DENO_CERT", "GIT_SSL_CAINFO"),
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)
"""Variables that name a file with every authority that is trusted."""

IF_SET: Final = ("NIX_SSL_CERT_FILE", "HTTPLIB2_CA_CERTS", "PIP_CERT", "AWS_CA_BUNDLE")
"""More such variables, of single programs: they are changed only where they are set."""

ADDED: Final = "NODE_EXTRA_CA_CERTS"
"""Node.js' variable of a file with authorities beside its own."""

_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"
_END: Final = b"-----END CERTIFICATE-----"


def write_bundle(path: Path, authority: bytes, environment: Mapping[str, str]) -> None:
    """Write a PEM file with the system's authorities, the ones that the environment names, and `authority`."""
    named = [_content(environment[name]) for name in (*BUNDLES, *IF_SET, ADDED) if environment.get(name)]
    path.write_bytes(_joined([_of_the_system(), *named, authority]))


def write_added(path: Path, authority: bytes, environment: Mapping[str, str]) -> None:
    """Write a PEM file with `authority`, and what Node.js would have added without it."""
    path.write_bytes(_joined([_content(environment.get(ADDED, "")), authority]))


def write_java_store(path: Path, bundle: Path) -> None:
    """Write Java's trust store (PKCS #12) with the certificates of a PEM file."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old roots, which the system trusts all the same
        for number, pem in enumerate(_certificates(bundle.read_bytes())):
            with contextlib.suppress(ValueError):
                found.append(PKCS12Certificate(x509.load_pem_x509_certificate(pem), b"authority %d" % number))
    path.write_bytes(serialize_java_truststore(found, BestAvailableEncryption(STORE_PASSWORD.encode())))


def _joined(parts: list[bytes]) -> bytes:
    """The certificates of several PEM texts, each once."""
    return b"\n".join(dict.fromkeys(pem for part in parts for pem in _certificates(part))) + b"\n"


def _certificates(text: bytes) -> Iterator[bytes]:
    for part in text.split(_BEGIN)[1:]:
        body, end, _ = part.partition(_END)
        if end:
            yield _BEGIN + body.replace(b"\r", b"") + _END


def _of_the_system() -> bytes:
    if sys.platform == "darwin":
        keychain = "/System/Library/Keychains/SystemRootCertificates.keychain"
        command = ["/usr/bin/security", "find-certificate", "-a", "-p", keychain]
        listed = subprocess.run(command, capture_output=True, check=False).stdout  # noqa: S603 - macOS' own program
        if listed:
            return listed
    known = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
    files = (*known, ssl.get_default_verify_paths().openssl_cafile)
    return next((content for file in files if (content := _content(file))), b"")


def _content(file: str) -> bytes:
    try:
        return Path(file).read_bytes() if file else b""
    except OSError:
        return b""
