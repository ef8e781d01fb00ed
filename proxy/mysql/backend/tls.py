"""TLS towards the target: which certificate is believed, by mode."""

import enum
import re
from typing import Any

from OpenSSL import SSL
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)

__all__ = ["TargetTls", "TlsMode", "client_context"]

_PEM_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class TlsMode(enum.Enum):
    """As the drivers name it."""

    OFF = "off"
    PREFERRED = "preferred"
    REQUIRED = "required"
    VERIFY_CA = "verify-ca"
    VERIFY_IDENTITY = "verify-identity"


class TargetTls:
    """How to protect connections to one target. ``factory`` serves any number of connections."""

    def __init__(self, mode: TlsMode, host: str, ca_pem: bytes | None) -> None:
        """``ca_pem`` holds the trusted CA certificates; None means the system's. ValueError if none."""
        self.mode = mode
        self.factory: Any = None if mode is TlsMode.OFF else client_context(mode, host, ca_pem)

    @property
    def wanted(self) -> bool:
        """Use TLS when the target has it."""
        return self.mode is not TlsMode.OFF

    @property
    def required(self) -> bool:
        """Refuse a target that has no TLS."""
        return self.mode not in (TlsMode.OFF, TlsMode.PREFERRED)


def client_context(mode: TlsMode, host: str, ca_pem: bytes | None) -> Any:
    """What startTLS takes. The identity check is service-identity's, through Twisted."""
    if mode is TlsMode.VERIFY_IDENTITY:
        return optionsForClientTLS(host, trustRoot=_trust(ca_pem))
    if mode is TlsMode.VERIFY_CA:
        return CertificateOptions(trustRoot=_trust(ca_pem))
    return CertificateOptions(verify=False)


def _trust(ca_pem: bytes | None) -> Any:
    if ca_pem is None:
        return platformTrust()
    certificates = [Certificate.loadPEM(pem) for pem in _PEM_CERTIFICATE.findall(ca_pem)]
    if not certificates:
        raise ValueError("no certificate in the CA file")
    return trustRootFromCertificates(certificates)


def certificate_problem(reason: BaseException | None) -> str:
    """What OpenSSL says about a handshake that failed."""
    if isinstance(reason, SSL.Error) and reason.args and reason.args[0]:
        return "; ".join(str(part[-1]) for part in reason.args[0])
    return str(reason)
