"""AWS on this machine: moto's server as a process of its own, asked by the real boto3.

What moto gets wrong and tests must go around: without a stage GetSecretValue gives the old version once a
stage was moved, and PutSecretValue after UpdateSecretVersionStage leaves AWSCURRENT on two versions. So
always name the stage, and rotate a secret in one style only: either by `put`, or as `rotation.py` does.
"""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from proxy.demo.child import LOOPBACK, start_logged

from .polling import eventually

__all__ = ["ACCOUNT", "REGION", "AwsServer"]

REGION = "eu-west-1"
ACCOUNT = "123456789012"
"""The account that moto plays."""

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "made-up"}
STOP_LIMIT = 10.0
LISTENS = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")


class AwsServer:
    """moto on a free port, from `with` on; what it holds ends with it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "moto.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> "AwsServer":
        command = [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", "0"]
        self._process = start_logged(command, self._log)
        try:
            self.url = eventually(self._listens_at, "moto listens")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which boto3 and the command line find this server and may log in there."""
        return {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
            # Nothing on the machine itself is to be found first.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, region: str = REGION, **options: Any) -> Any:
        """boto3's client for this server."""
        from boto3.session import Session

        session: Any = Session(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
        return session.client(service, region_name=region, endpoint_url=self.url, **options)

    def make_secret(self, name: str, content: dict[str, Any] | bytes | str, region: str = REGION) -> str:
        """Make a secret of JSON (a dictionary), of text or of bytes; return its ARN."""
        part = "SecretBinary" if isinstance(content, bytes) else "SecretString"
        value = json.dumps(content) if isinstance(content, dict) else content
        made = self.client("secretsmanager", region).create_secret(Name=name, **{part: value})
        return str(made["ARN"])

    def put(self, secret_arn: str, content: dict[str, Any] | str) -> str:
        """Make another version the current one at once; return its id."""
        value = json.dumps(content) if isinstance(content, dict) else content
        put = self.client("secretsmanager").put_secret_value(SecretId=secret_arn, SecretString=value)
        return str(put["VersionId"])

    def freeze(self) -> None:
        """Let it hang: it takes connections and answers nothing, until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it: its port refuses connections."""
        if self._process is not None:
            self.thaw()
            self._process.kill()
            self._process.wait(STOP_LIMIT)
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _listens_at(self) -> str:
        text = self._log.read_text(encoding="utf-8", errors="replace")
        assert self._process is not None
        assert self._process.poll() is None, text
        found = LISTENS.search(text)
        return found[1] if found else ""
