"""What moto does not play: providers of AWS credentials, errors of Secrets Manager, STS."""

import datetime
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import attrs

from .certificates import KeyFiles

__all__ = ["Answer", "Asked", "Stub", "credentials", "metadata_answers", "refusal", "secret_value", "stub"]

ROLE = "proxy-role"


@attrs.frozen
class Answer:
    """What a stub says to a request."""

    body: str | bytes
    status: int = 200
    headers: dict[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Asked:
    """A request that has come."""

    method: str
    path: str
    headers: dict[str, str]


@attrs.define
class Stub:
    """A server with one answer for each path without its query, or each action of a service; else 404."""

    url: str
    answers: dict[str, Answer]
    asked: list[Asked]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])


@contextmanager
def stub(answers: dict[str, Answer], key: KeyFiles | None = None) -> Iterator[Stub]:
    """Run one on a free port, with TLS if there is a key."""
    found = Stub("", answers, [])

    class Requests(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.asked.append(Asked(self.command, self.path, headers))
            self.rfile.read(int(headers.get("content-length", "0")))
            action = headers.get("x-amz-target", "").rpartition(".")[2]
            answer = found.answers.get(action or self.path.partition("?")[0], Answer("", 404))
            body = answer.body if isinstance(answer.body, bytes) else answer.body.encode()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_PUT = do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    server.daemon_threads = True
    if key is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(key.certificate, key.private_key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    found.url = f"{'http' if key is None else 'https'}://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def credentials(access_key_id: str, session_token: str = "made-up-token") -> Answer:
    """Temporary credentials, as containers and instances get them."""
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=6)
    return Answer(
        json.dumps(
            {
                "Code": "Success",
                "Type": "AWS-HMAC",
                "AccessKeyId": access_key_id,
                "SecretAccessKey": "made-up",
                "Token": session_token,
                "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        )
    )


def refusal(code: str, message: str, status: int = 400) -> Answer:
    """An error of a service that speaks JSON."""
    return Answer(json.dumps({"__type": code, "message": message}), status)


def secret_value(version: str, content: dict[str, Any]) -> Answer:
    """What Secrets Manager says to GetSecretValue."""
    answer = {"ARN": "arn", "Name": "name", "VersionId": version, "SecretString": json.dumps(content)}
    return Answer(json.dumps({**answer, "CreatedDate": 1_800_000_000.5}))


def metadata_answers(given: Answer) -> dict[str, Answer]:
    """What an instance's metadata service says about its role."""
    roles = "/latest/meta-data/iam/security-credentials/"
    return {"/latest/api/token": Answer("session"), roles: Answer(ROLE), f"{roles}{ROLE}": given}
