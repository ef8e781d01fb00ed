"""TLS towards the target: which certificate is believed, by mode."""

import enum
import ipaddress
import re
from typing import Any

from OpenSSL import SSL, crypto
from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import Certificate, CertificateOptions, platformTrust, trustRootFromCertificates
from twisted.logger import Logger
from zope.interface import implementer

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
    """What startTLS takes."""
    if mode is TlsMode.VERIFY_IDENTITY:
        return _VerifiedIdentity(host, CertificateOptions(trustRoot=_trust(ca_pem)).getContext())
    if mode is TlsMode.VERIFY_CA:
        return CertificateOptions(trustRoot=_trust(ca_pem))
    return CertificateOptions(verify=False)


@implementer(IOpenSSLClientConnectionCreator)
class _VerifiedIdentity:
    """Checks with service-identity that a certificate was made for the target's name or address.

    Twisted's optionsForClientTLS lets a certificate pass that has no subjectAltName at all: what
    service-identity raises for it is logged there and forgotten. Here anything that goes wrong is a refusal.
    """

    log = Logger()

    def __init__(self, host: str, context: SSL.Context) -> None:
        self._host = host
        self._context = context
        try:
            ipaddress.ip_address(host)
        except ValueError:
            self._identity: DNS_ID | IPAddress_ID = DNS_ID(host)
            self._server_name: bytes | None = host.encode("idna")
        else:
            self._identity = IPAddress_ID(host)
            self._server_name = None

    def clientConnectionForTLS(self, _protocol: Any) -> SSL.Connection:
        """One connection's TLS, with the name of the server that is wanted."""
        connection = SSL.Connection(self._context, None)
        if self._server_name is not None:
            connection.set_tlsext_host_name(self._server_name)
        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._verify)
        return connection

    def _verify(self, _connection: Any, certificate: Any, _error: int, depth: int, is_trusted: int) -> bool:
        if depth or not is_trusted:
            return bool(is_trusted)
        try:
            verify_service_identity(extract_patterns(certificate), [self._identity], [])
        except Exception as problem:
            self.log.warn(
                "the target's certificate is not one for {host}: {problem}",
                host=self._host,
                problem=str(problem) or type(problem).__name__,
            )
            return False
        return True


def _trust(ca_pem: bytes | None) -> Any:
    if ca_pem is None:
        return platformTrust()
    try:
        certificates = [Certificate.loadPEM(pem) for pem in _PEM_CERTIFICATE.findall(ca_pem)]
    except crypto.Error:
        raise ValueError("a certificate in the CA file cannot be read") from None
    if not certificates:
        raise ValueError("no certificate in the CA file")
    return trustRootFromCertificates(certificates)


def certificate_problem(reason: BaseException | None) -> str:
    """What OpenSSL says about a handshake that failed."""
    if isinstance(reason, SSL.Error) and reason.args and reason.args[0]:
        return "; ".join(str(part[-1]) for part in reason.args[0])
    return str(reason)
