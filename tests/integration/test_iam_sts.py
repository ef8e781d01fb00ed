"""Principals of AWS whose keys nobody else has: they presign a request, and STS says who they are."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from tests.unit.iam.signing import ACCOUNT, LONG_LIVED, TEMPORARY, Signer, presigned

from .certificates import KeyFiles
from .clients import one
from .databases import Target
from .iam import DENIED, IAM, IamDaemon, allowing
from .polling import eventually
from .sts_stub import Sts, sts

WHO = "SELECT CURRENT_USER()"
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/batch/run-4711"
ROLE_RULE = f"arn:aws:iam::{ACCOUNT}:role/batch"
USER = f"arn:aws:iam::{ACCOUNT}:user/somebody"
ROLE_SIGNER = TEMPORARY
USER_SIGNER = LONG_LIVED
STRANGER = Signer("AKIASTRANGERSTRANGER", "of-no-account-of-ours")
LOG_INS = 20


@pytest.fixture(scope="module")
def service(proxy_key: KeyFiles) -> Iterator[Sts]:
    """STS, which knows a role and a user."""
    principals = {each.access_key_id: (each, arn) for each, arn in ((ROLE_SIGNER, ROLE), (USER_SIGNER, USER))}
    with sts(principals, proxy_key) as found:
        yield found


@pytest.fixture(scope="module")
def daemon(
    service: Sts, target: Target, proxy_key: KeyFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[IamDaemon]:
    """A proxy that asks it, and lets in the role as `app`."""
    folder = tmp_path_factory.mktemp("sts")
    policies = folder / "policies.json"
    policies.write_text(json.dumps({"principals": {ROLE_RULE: {"policies": [allowing("app")]}}}))
    policies.chmod(0o600)
    iam = {"token_verification": ["sts"], "sts_hosts": [service.host], "sts_policies": str(policies)}
    auth = {"app": IAM, "eve": IAM}
    daemon = IamDaemon(folder, target.port, target.users, proxy_key, None, iam=iam, auth=auth)
    with trusting_stub(proxy_key.authority), daemon:
        yield daemon


@contextmanager
def trusting_stub(authority: Path) -> Iterator[None]:
    """What starts here takes the stub's certificate for one of AWS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_CA_BUNDLE", str(authority))
        yield


@pytest.fixture(autouse=True)
def _as_before(service: Sts) -> Iterator[None]:
    yield
    service.status = 200
    service.resume.set()


def password(
    daemon: IamDaemon,
    service: Sts,
    signer: Signer = ROLE_SIGNER,
    endpoint: str = "",
    named: str = "",
    life: int = 900,
    **odd: str,
) -> str:
    """What docs/iam.md has for it: signed for one name of the endpoint, which is told behind `#`."""
    signed = endpoint or f"127.0.0.1:{daemon.port}"
    headers = {"x-rds-proxy-endpoint": signed}
    call = {"Action": "GetCallerIdentity", "Version": "2011-06-15", **odd}
    url = presigned(f"https://{service.host}/", call, "sts", signer, headers=headers, expires=life)
    return f"rds-proxy-sts:{url}#{named or signed}"


def test_a_role_logs_in(daemon: IamDaemon, service: Sts) -> None:
    mark = daemon.mark()
    with daemon.log_in(password(daemon, service)) as client:
        assert one(client, WHO) == "app@%"
    line = daemon.wait_for_log("log-in granted", mark)
    assert f' auth=sts severity=INFO detail="sts {ROLE_RULE}' in line
    assert "X-Amz" not in daemon.log_text()


def test_many_log_ins_ask_once(daemon: IamDaemon, service: Sts) -> None:
    text = password(daemon, service, endpoint=f"localhost:{daemon.port}")
    before = service.asked
    assert daemon.answer(text) == ()
    with ThreadPoolExecutor(4) as crowd:
        assert set(crowd.map(lambda _: daemon.answer(text), range(LOG_INS))) == {()}
    assert service.asked == before + 1


def test_who_may_not(daemon: IamDaemon, service: Sts) -> None:
    assert daemon.refusal(password(daemon, service, USER_SIGNER)) == (
        "no rule of sts_policies is for this principal"
    )
    assert daemon.refusal(password(daemon, service), "eve") == "no policy allows it"
    assert daemon.refusal(password(daemon, service, STRANGER)) == "STS answered 403 (InvalidClientTokenId)"
    forged = attrs.evolve(ROLE_SIGNER, secret="guessed")
    assert daemon.refusal(password(daemon, service, forged)) == "STS answered 403 (SignatureDoesNotMatch)"


def test_a_request_for_another_endpoint_is_worth_nothing_here(daemon: IamDaemon, service: Sts) -> None:
    elsewhere = "other-proxy.example.com:3306"
    before = service.asked
    assert daemon.refusal(password(daemon, service, endpoint=elsewhere)) == (
        "the presigned identity is for another endpoint"
    )
    assert service.asked == before
    # Passed on to this one under a name of its own: STS refuses what was not signed.
    stolen = password(daemon, service, endpoint=elsewhere, named=f"127.0.0.1:{daemon.port}")
    assert daemon.refusal(stolen) == "STS answered 403 (SignatureDoesNotMatch)"


def test_what_is_not_asked_at_all(daemon: IamDaemon, service: Sts) -> None:
    before = service.asked
    assert daemon.refusal(password(daemon, service, Action="AssumeRole")) == (
        "the presigned identity is for another call than GetCallerIdentity"
    )
    elsewhere = attrs.evolve(service, port=service.port ^ 1)
    assert daemon.refusal(password(daemon, elsewhere)) == (
        "the presigned identity is for a host that is not one of sts_hosts"
    )
    assert daemon.refusal(daemon.token()) == "token_verification has neither key_store nor target"
    assert service.asked == before


def test_sts_that_is_down_or_hangs_harms_nobody_who_is_known(daemon: IamDaemon, service: Sts) -> None:
    known = password(daemon, service)
    assert daemon.answer(known) == ()
    service.status = 503
    # Else it is the same as another of this second.
    fresh = password(daemon, service, life=800)
    assert daemon.answer(known) == ()
    mark = daemon.mark()
    assert daemon.answer(fresh) == (
        2013,
        "Lost connection to MySQL server during query (rds-proxy: AWS STS could not be asked)",
    )
    assert "STS answered 503 (ServiceUnavailable)" in daemon.log_since(mark)
    service.status = 200
    service.resume.clear()
    asked = service.asked
    with ThreadPoolExecutor(1) as crowd:
        hanging = crowd.submit(daemon.answer, password(daemon, service, STRANGER))
        eventually(lambda: service.asked > asked, "STS is asked")
        assert daemon.answer(known) == ()
        service.resume.set()
        assert hanging.result() == (1045, DENIED.format("app"))
    assert daemon.answer(fresh) == ()
