"""Which certificates of a target are believed, by mode: real certificates, real handshakes, in memory."""

import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import Any

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from proxy.mysql.backend.tls import TargetTls, TlsMode, certificate_problem, client_context
from tests.peers.link import Line

HOST = "db.example.test"
DAY = datetime.timedelta(days=1)


@attrs.frozen
class Issued:
    """A certificate with its key, and a chain to send behind it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...] = ()


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def issue(
    issuer: Issued | None,
    *names: str | x509.GeneralName,
    common_name: str = HOST,
    is_ca: bool = False,
    days: int = 2,
) -> Issued:
    """A certificate by ``issuer``, or a self-signed one; without ``names`` it has no subjectAltName."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 4 * DAY)
        .not_valid_after(now + days * DAY)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if names:
        found = [general_name(name) if isinstance(name, str) else name for name in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(found), critical=False)
    signer = key if issuer is None else issuer.key
    return Issued(builder.sign(signer, hashes.SHA256()), key)


AUTHORITY = issue(None, common_name="Authority", is_ca=True)
ANOTHER = issue(None, common_name="Another authority", is_ca=True)
#: Has the name of the trusted one, but not its key.
IMPOSTOR = issue(None, common_name="Authority", is_ca=True)


class Client(Protocol):
    """What would log in: says something secret as soon as it may."""

    def __init__(self) -> None:
        self.heard = b""
        self.end: BaseException | None = None

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure = Failure(ConnectionError())) -> None:  # noqa: B008
        self.end = reason.value


class Server:
    """The target's end of a Line, with the TLS of the standard library."""

    def __init__(self, folder: Path, issued: Issued) -> None:
        files = folder / "certificate.pem", folder / "key.pem"
        files[0].write_bytes(pem(issued.certificate, *issued.chain))
        files[1].write_bytes(
            issued.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        self.asked_for: str | None = None
        context.sni_callback = self._note_name
        self.line: Any = None
        self.heard = b""
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._greeted = False

    def _note_name(self, _tls: Any, name: str | None, _context: Any) -> None:
        self.asked_for = name

    def received(self, data: bytes) -> None:
        self._in.write(data)
        try:
            self._tls.do_handshake()
            if not self._greeted:
                self._greeted = True
                self._tls.write(b"welcome")
            while chunk := self._tls.read(1 << 16):
                self.heard += chunk
        except ssl.SSLError:
            pass
        self.line.send(self._out.read())

    def gone(self) -> None:
        pass


@attrs.frozen
class Handshake:
    """How one ended."""

    believed: bool
    problem: str
    heard: bytes
    asked_for: str | None


def handshake(folder: Path, factory: Any, issued: Issued) -> Handshake:
    """Let a client with ``factory`` meet a server that shows ``issued``."""
    client, server = Client(), Server(folder, issued)
    line = Line(client, server, is_client=True)
    line.startTLS(factory)
    line.write(b"secret")
    while line.has_work:
        line.deliver()
    problem = "" if client.end is None else certificate_problem(client.end)
    assert (client.heard == b"welcome") is (client.end is None)
    return Handshake(client.end is None, problem, server.heard, server.asked_for)


def verdict(folder: Path, mode: TlsMode, issued: Issued, host: str = HOST, *extra: Issued) -> Handshake:
    """Of a client that trusts AUTHORITY."""
    ca = pem(*(each.certificate for each in extra), AUTHORITY.certificate)
    outcome = handshake(folder, TargetTls(mode, host, ca).factory, issued)
    # What is not for an impostor must not have been sent.
    assert outcome.heard == (b"secret" if outcome.believed else b"")
    return outcome


IDENTITY = TlsMode.VERIFY_IDENTITY
CA = TlsMode.VERIFY_CA


class TestIdentity:
    @pytest.mark.parametrize(
        ("host", "names"),
        [
            (HOST, [HOST]),
            (HOST, ["other.test", HOST]),
            (HOST, ["*.example.test"]),
            (HOST.upper(), [HOST]),
            ("localhost", ["localhost"]),
            ("my_db.example.test", ["my_db.example.test"]),
            ("bücher.example.test", ["xn--bcher-kva.example.test"]),
            ("127.0.0.1", ["127.0.0.1"]),
            ("::1", ["::1"]),
            ("0:0:0:0:0:0:0:1", ["::1"]),
        ],
    )
    def test_the_right_one(self, tmp_path: Path, host: str, names: list[str]) -> None:
        assert verdict(tmp_path, IDENTITY, issue(AUTHORITY, *names), host).believed

    @pytest.mark.parametrize(
        ("host", "names"),
        [
            (HOST, []),
            (HOST, ["other.example.test"]),
            (HOST, ["example.test"]),
            (HOST, ["a.db.example.test"]),
            (HOST, ["*.test"]),
            (HOST, ["127.0.0.1"]),
            ("a.db.example.test", ["*.example.test"]),
            ("127.0.0.1", []),
            ("127.0.0.1", ["127.0.0.2"]),
            ("127.0.0.1", ["::1"]),
            ("127.0.0.1", ["localhost"]),
            ("127.0.0.1", [x509.DNSName("127.0.0.1")]),
            (HOST, [x509.RFC822Name("db@example.test")]),
        ],
    )
    def test_one_for_somebody_else(
        self, tmp_path: Path, host: str, names: list[str | x509.GeneralName]
    ) -> None:
        """The common name is the right one in all of them: it does not count."""
        issued = issue(AUTHORITY, *names, common_name=host)
        assert "certificate verify failed" in verdict(tmp_path, IDENTITY, issued, host).problem

    @pytest.mark.parametrize("issuer", [ANOTHER, IMPOSTOR, None])
    def test_one_by_somebody_else(self, tmp_path: Path, issuer: Issued | None) -> None:
        assert not verdict(tmp_path, IDENTITY, issue(issuer, HOST)).believed

    def test_one_that_has_expired(self, tmp_path: Path) -> None:
        assert not verdict(tmp_path, IDENTITY, issue(AUTHORITY, HOST, days=-1)).believed

    def test_the_right_name_in_the_authority_does_not_count(self, tmp_path: Path) -> None:
        middle = issue(AUTHORITY, HOST, is_ca=True)
        leaf = attrs.evolve(issue(middle, "other.example.test"), chain=(middle.certificate,))
        assert not verdict(tmp_path, IDENTITY, leaf).believed

    def test_the_name_of_the_authority_between_does_not_matter(self, tmp_path: Path) -> None:
        middle = issue(AUTHORITY, common_name="Middle", is_ca=True)
        leaf = attrs.evolve(issue(middle, HOST), chain=(middle.certificate,))
        assert verdict(tmp_path, IDENTITY, leaf).believed

    def test_a_certificate_cannot_issue_another(self, tmp_path: Path) -> None:
        middle = issue(AUTHORITY, "other.example.test")
        leaf = attrs.evolve(issue(middle, HOST), chain=(middle.certificate,))
        assert not verdict(tmp_path, IDENTITY, leaf).believed

    def test_one_factory_serves_many_connections(self, tmp_path: Path) -> None:
        factory = client_context(IDENTITY, HOST, pem(AUTHORITY.certificate))
        good, bad = issue(AUTHORITY, HOST), issue(AUTHORITY, "other.example.test")
        outcomes = [handshake(tmp_path, factory, issued).believed for issued in (good, bad, good, bad)]
        assert outcomes == [True, False, True, False]

    @pytest.mark.parametrize(("host", "asked_for"), [(HOST, HOST), ("127.0.0.1", None), ("::1", None)])
    def test_the_server_is_asked_for_a_name_but_not_for_an_address(
        self, tmp_path: Path, host: str, asked_for: str | None
    ) -> None:
        assert verdict(tmp_path, IDENTITY, issue(AUTHORITY, host), host).asked_for == asked_for


class TestAuthorityOnly:
    @pytest.mark.parametrize("names", [[], ["other.example.test"], ["127.0.0.2"]])
    def test_the_name_does_not_matter(self, tmp_path: Path, names: list[str]) -> None:
        assert verdict(tmp_path, CA, issue(AUTHORITY, *names)).believed

    @pytest.mark.parametrize("issuer", [ANOTHER, IMPOSTOR, None])
    def test_the_authority_does(self, tmp_path: Path, issuer: Issued | None) -> None:
        assert "certificate verify failed" in verdict(tmp_path, CA, issue(issuer, HOST)).problem

    def test_an_expired_one(self, tmp_path: Path) -> None:
        assert not verdict(tmp_path, CA, issue(AUTHORITY, HOST, days=-1)).believed

    @pytest.mark.parametrize("mode", [CA, IDENTITY])
    def test_a_file_with_several_authorities(self, tmp_path: Path, mode: TlsMode) -> None:
        for issuer in (AUTHORITY, ANOTHER):
            assert verdict(tmp_path, mode, issue(issuer, HOST), HOST, ANOTHER).believed

    @pytest.mark.parametrize("mode", [CA, IDENTITY])
    def test_without_a_file_the_systems_authorities_count(self, tmp_path: Path, mode: TlsMode) -> None:
        factory = TargetTls(mode, HOST, None).factory
        assert not handshake(tmp_path, factory, issue(AUTHORITY, HOST)).believed

    @pytest.mark.parametrize("mode", [CA, IDENTITY])
    @pytest.mark.parametrize("content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\n"])
    def test_a_file_without_any(self, mode: TlsMode, content: bytes) -> None:
        with pytest.raises(ValueError, match="no certificate in the CA file"):
            TargetTls(mode, HOST, content)

    @pytest.mark.parametrize("mode", [CA, IDENTITY])
    def test_a_file_with_a_broken_one(self, mode: TlsMode) -> None:
        broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        with pytest.raises(ValueError, match=r"CA file"):
            TargetTls(mode, HOST, broken)


class TestNoChecks:
    @pytest.mark.parametrize("mode", [TlsMode.REQUIRED, TlsMode.PREFERRED])
    @pytest.mark.parametrize("issuer", [AUTHORITY, ANOTHER, None])
    def test_anything_will_do(self, tmp_path: Path, mode: TlsMode, issuer: Issued | None) -> None:
        for issued in (issue(issuer), issue(issuer, "other.example.test", days=-1)):
            assert verdict(tmp_path, mode, issued).believed


@pytest.mark.parametrize(
    ("mode", "wanted", "required"),
    [
        (TlsMode.OFF, False, False),
        (TlsMode.PREFERRED, True, False),
        (TlsMode.REQUIRED, True, True),
        (CA, True, True),
        (IDENTITY, True, True),
    ],
)
def test_what_a_mode_demands(mode: TlsMode, wanted: bool, required: bool) -> None:
    tls = TargetTls(mode, HOST, pem(AUTHORITY.certificate))
    assert (tls.wanted, tls.required, tls.factory is not None) == (wanted, required, wanted)


class TestProblem:
    def test_all_that_openssl_says(self) -> None:
        error = SSL.Error([("SSL routines", "", "certificate verify failed"), ("x", "", "unknown ca")])
        assert certificate_problem(error) == "certificate verify failed; unknown ca"

    @pytest.mark.parametrize("error", [SSL.Error(), SSL.Error([]), None, OSError("reset")])
    def test_where_it_says_nothing(self, error: BaseException | None) -> None:
        assert certificate_problem(error) == str(error)
