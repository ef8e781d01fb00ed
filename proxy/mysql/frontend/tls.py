"""TLS towards clients: certificate and key from PEM files, read again on reload."""

from pathlib import Path
from typing import Any

from OpenSSL import SSL, crypto
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
        try:
            chain = _certificates(self._certificate.read_bytes())
        except crypto.Error:
            raise ValueError(f"{self._certificate}: not a PEM certificate") from None
        try:
            key = crypto.load_privatekey(crypto.FILETYPE_PEM, self._private_key.read_bytes())
        except crypto.Error:
            raise ValueError(f"{self._private_key}: not a PEM private key") from None
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


def _certificates(pem: bytes) -> list[crypto.X509]:
    marker = b"-----BEGIN CERTIFICATE-----"
    found = [crypto.load_certificate(crypto.FILETYPE_PEM, marker + part) for part in pem.split(marker)[1:]]
    if not found:
        raise ValueError("no certificate in the file")
    return found
