"""Reads one secret's versions from Secrets Manager; blocks, and runs in the threads.

API: DescribeSecret (which version carries which stage) and GetSecretValue. The stage is always named, because
not every emulator gives the right version without. A version's content never changes, so that a version that
is known already is not fetched again. Where the role may not describe a secret, which a policy made for RDS
Proxy need not allow, every stage is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import attrs

from ..credentials.source import (
    CURRENT,
    PENDING,
    PREVIOUS,
    Secret,
    SecretError,
    SecretNotFoundError,
    SecretVersions,
    UnusableVersion,
    parse_secret_text,
)
from .clients import AwsClients
from .problems import error_code, explain, is_about_credentials

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient
    from mypy_boto3_secretsmanager.type_defs import GetSecretValueResponseTypeDef

__all__ = ["DESCRIBE_INTERVAL", "SERVICE", "SecretReader", "region_of"]

SERVICE = "Secrets Manager"

#: Seconds until a secret is described again after that was denied.
DESCRIBE_INTERVAL = 600.0

#: A version without content may get it later.
_NO_SUCH_VERSION = "ResourceNotFoundException"

#: Largest content that is given out unread, in bytes; the service itself takes 64 KiB.
MAX_TEXT_SIZE = 4 * 1024 * 1024

T = TypeVar("T")

#: Version ids by stage.
Stages = dict[str, str]


def region_of(secret_arn: str) -> str:
    """The region that an ARN names; empty if it has none."""
    parts = secret_arn.split(":")
    return parts[3] if len(parts) > 3 else ""


class SecretReader:
    """Reads secrets by ARN; several threads may, each another secret."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        self._describe_after: dict[str, float] = {}

    def read(self, secret_arn: str, known: SecretVersions | None) -> SecretVersions:
        """All versions; `known` itself where they are still those. Raises SecretError and no other."""
        return self._guarded(lambda: self._read(secret_arn, known))

    def text(self, secret_arn: str) -> bytes:
        """The content of the current version, unread. Raises SecretError and no other."""
        return self._guarded(lambda: self._text(secret_arn))

    def _guarded(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except SecretError as error:
            problem = error
        except Exception as error:
            problem = self._problem(error)
        # Raised here, so that it holds no exception that may hold the secret.
        raise type(problem)(problem.reason)

    def _read(self, secret_arn: str, known: SecretVersions | None) -> SecretVersions:
        client = self._clients.secrets_manager(region_of(secret_arn))
        stages = self._stages(client, secret_arn)
        if known is not None and stages == known.version_ids():
            return known
        versions = _Reading(client, secret_arn, stages, known).versions()
        return known if known is not None and versions.version_ids() == known.version_ids() else versions

    def _text(self, secret_arn: str) -> bytes:
        client = self._clients.secrets_manager(region_of(secret_arn))
        content = _content(client.get_secret_value(SecretId=secret_arn, VersionStage=CURRENT))
        if len(content) > MAX_TEXT_SIZE:
            raise SecretError(f"is larger than {MAX_TEXT_SIZE} bytes")
        return content

    def _stages(self, client: SecretsManagerClient, secret_arn: str) -> Stages | None:
        """None where they cannot be known without asking for each."""
        if time.monotonic() < self._describe_after.get(secret_arn, 0.0):
            return None
        try:
            answer = client.describe_secret(SecretId=secret_arn)
        except client.exceptions.ClientError as error:
            if not error_code(error).startswith("AccessDenied"):
                raise
            self._describe_after[secret_arn] = time.monotonic() + DESCRIBE_INTERVAL
            return None
        if answer.get("DeletedDate"):
            raise SecretNotFoundError("is marked for deletion")
        return _stages_by_name(answer.get("VersionIdsToStages", {}))

    def _problem(self, error: Exception) -> SecretError:
        if is_about_credentials(error):
            self._clients.forget()
        reason = explain(error, SERVICE)
        code = error_code(error)
        if code == "ResourceNotFoundException":
            return SecretNotFoundError(reason)
        if code == "InvalidRequestException":
            # Also said of a replica that is being made; "deletion" and "deleted" are both in use.
            if "delet" in str(error):
                return SecretNotFoundError("is marked for deletion")
            return SecretError(f"{SERVICE} cannot read it in its present state")
        return SecretError(reason)


class _Reading:
    """One look at a secret."""

    def __init__(
        self,
        client: SecretsManagerClient,
        secret_arn: str,
        stages: Stages | None,
        known: SecretVersions | None,
    ) -> None:
        self._client = client
        self._arn = secret_arn
        self._stages = stages
        self._known = known
        held = [known.current, known.pending, known.previous] if known is not None else []
        self._held = {each.version_id: each for each in held if each is not None}
        self._unusable = {each.version_id: each for each in known.unusable} if known is not None else {}

    def versions(self) -> SecretVersions:
        """What is there now."""
        if self._stages is not None and CURRENT not in self._stages:
            raise SecretNotFoundError(f"has no version with the stage {CURRENT}")
        current = self._fetched(CURRENT) if self._stages is None else self._known_version(CURRENT)
        if isinstance(current, UnusableVersion):
            raise SecretError(current.reason)
        usable: dict[str, Secret] = {}
        unusable = []
        for stage in (PENDING, PREVIOUS):
            found = self._beside(stage)
            if isinstance(found, UnusableVersion):
                unusable.append(found)
            elif found is not None and found.version_id != current.version_id:
                usable[stage] = found
        return SecretVersions(current, usable.get(PENDING), usable.get(PREVIOUS), tuple(unusable))

    def _beside(self, stage: str) -> Secret | UnusableVersion | None:
        """The version of a stage other than the current one, if there is one."""
        if self._stages is not None and stage not in self._stages:
            return None
        try:
            return self._fetched(stage) if self._stages is None else self._known_version(stage)
        except Exception as error:
            return None if error_code(error) == _NO_SUCH_VERSION else self._kept(stage)

    def _kept(self, stage: str) -> Secret | None:
        """What stays where a stage cannot be asked for at present; the next look asks again."""
        if self._known is None or self._stages is not None:
            return None
        return self._known.pending if stage == PENDING else self._known.previous

    def _known_version(self, stage: str) -> Secret | UnusableVersion:
        """That of a stage whose version id is known: fetched only if its content is not known."""
        assert self._stages is not None
        version_id = self._stages[stage]
        if version_id in self._held:
            return self._held[version_id]
        if version_id in self._unusable:
            return attrs.evolve(self._unusable[version_id], stage=stage)
        return self._fetched(stage)

    def _fetched(self, stage: str) -> Secret | UnusableVersion:
        answer = self._client.get_secret_value(SecretId=self._arn, VersionStage=stage)
        version_id = answer["VersionId"]
        try:
            return parse_secret_text(
                self._arn, _content(answer), version_id, answer["CreatedDate"].timestamp()
            )
        except SecretError as error:
            return UnusableVersion(stage, version_id, error.reason)


def _content(answer: GetSecretValueResponseTypeDef) -> bytes:
    text = answer.get("SecretString")
    return text.encode() if text is not None else bytes(answer.get("SecretBinary", b""))


def _stages_by_name(versions: Mapping[str, Sequence[str]]) -> Stages | None:
    """Version ids by stage; None where a stage is said to be on two versions, which no service may say."""
    found: dict[str, str] = {}
    for version, names in versions.items():
        for name in {CURRENT, PENDING, PREVIOUS}.intersection(names):
            if name in found:
                return None
            found[name] = version
    current = found.get(CURRENT)
    return {name: version for name, version in found.items() if name == CURRENT or version != current}
