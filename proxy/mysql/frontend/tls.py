"""TLS towards clients: certificate and key from PEM files, read again on reload."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL
from twisted.internet.ssl import CertificateOptions, TLSVersion

__all__ = ["ServerTls"]


class ServerTls:
    """Holds the present certificate; connections made before a reload keep theirs."""

    def __init__(self, certificate: Path, private_key: Path) -> None:
        """Read both files; raises ValueError or OSError, naming the file."""
        self._certificate = certificate
        self._private_key = private_key
        self.factory: Any = self._load()

    def reload(self) -> None:
        """Read the files again; on an error the old certificate stays and the error is raised."""
        self.factory = self._load()

    def _load(self) -> Any:
        chain = _read(self._certificate, x509.load_pem_x509_certificates, "a PEM certificate")
        key = _read(self._private_key, _load_key, "an unencrypted PEM private key")
        options = CertificateOptions(
            privateKey=key,
            certificate=chain[0],
            extraCertChain=chain[1:],
            raiseMinimumTo=TLSVersion.TLSv1_2,
        )
        try:
            options.getContext()
        except SSL.Error:
            raise ValueError(f"{self._private_key} does not belong to {self._certificate}") from None
        return options


def _load_key(pem: bytes) -> Any:
    return serialization.load_pem_private_key(pem, password=None)


def _read(path: Path, load: Callable[[bytes], Any], wanted: str) -> Any:
    try:
        return load(path.read_bytes())
    except (ValueError, TypeError):
        raise ValueError(f"{path}: not {wanted}") from None
