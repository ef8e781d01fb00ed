"""What plays AWS's STS for presigned GetCallerIdentity: it computes signatures again, by botocore."""

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest

from tests.unit.iam.signing import Signer

from .certificates import KeyFiles

__all__ = ["Sts", "sts"]

_ERROR = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
  <Code>{}</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>"""


@attrs.define
class Sts:
    """`principals` has the ARN of each signer; `status` other than 200 is what everybody gets then."""

    principals: dict[str, tuple[Signer, str]]
    port: int = 0
    status: int = 200
    asked: int = 0
    resume: threading.Event = attrs.field(factory=threading.Event)
    """Nobody gets an answer before it is set."""

    @property
    def host(self) -> str:
        """As it stands in the URLs that are signed."""
        return f"127.0.0.1:{self.port}"

    def answer(self, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
        """What STS says to a GET."""
        self.asked += 1
        self.resume.wait()
        if self.status != 200:
            return self.status, _ERROR.format("ServiceUnavailable")
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        signer, arn = self.principals.get(query["X-Amz-Credential"].partition("/")[0], (None, ""))
        if signer is None:
            return 403, _ERROR.format("InvalidClientTokenId")
        if self._signature(path, query, headers, signer) != query["X-Amz-Signature"]:
            return 403, _ERROR.format("SignatureDoesNotMatch")
        result = {"Arn": arn, "Account": arn.split(":")[4], "UserId": "AIDA"}
        return 200, json.dumps({"GetCallerIdentityResponse": {"GetCallerIdentityResult": result}})

    def _signature(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str], signer: Signer
    ) -> str:
        unsigned = path.partition("&X-Amz-Signature=")[0]
        names = query["X-Amz-SignedHeaders"].split(";")
        signed = {name: headers.get(name, "") for name in names if name != "host"}
        request = AWSRequest("GET", f"https://{headers['host']}{unsigned}", headers=signed)
        request.context["timestamp"] = query["X-Amz-Date"]
        region = query["X-Amz-Credential"].split("/")[2]
        by: Any = SigV4QueryAuth(signer.credentials(), "sts", region)
        return str(by.signature(by.string_to_sign(request, by.canonical_request(request)), request))


@contextmanager
def sts(principals: dict[str, tuple[Signer, str]], key: KeyFiles) -> Iterator[Sts]:
    """Run it on a free port, over TLS."""
    found = Sts(principals)
    found.resume.set()

    class Requests(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, text = found.answer(self.path, headers)
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(key.certificate, key.private_key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    found.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.resume.set()
        server.shutdown()
        server.server_close()
        thread.join()
