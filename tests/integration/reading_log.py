"""A program that reads a server's binary log as the proxy does, and prints what it finds as JSON.

Its one argument is an object with `port`, `user`, `password`, `base`, `is_mariadb` and, for `commits_after`,
`limits`.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.internet import task
from twisted.internet.defer import inlineCallbacks

from proxy.credentials.source import Credential, Password
from proxy.demo.child import LOOPBACK
from proxy.mysql.backend.binlog_reading import BinlogUnreadable, commits_after
from proxy.mysql.backend.connector import BackendConnector, Target
from proxy.mysql.backend.set_up import SetUp
from proxy.mysql.backend.tls import TargetTls, TlsMode
from proxy.mysql.wire.binlog_events import Commit, Commits
from proxy.mysql.wire.gtid import Gtid, GtidSet
from tests.peers.known_users import KnownUsers

LIMIT = 60.0


def read_log(
    port: int, user: str, password: str, base: GtidSet, limits: dict[str, int] | None = None
) -> Commits:
    """What `commits_after` finds, called in another process. Raises BinlogUnreadable as it does."""
    asked = {
        "port": port,
        "user": user,
        "password": password,
        "base": str(base),
        "is_mariadb": base.is_mariadb,
        "limits": limits or {},
    }
    done = subprocess.run(
        [sys.executable, "-m", __name__, json.dumps(asked)],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    if isinstance(answer, str):
        raise BinlogUnreadable(answer)
    commits = (Commit(Gtid(*gtid), server, thread, run) for gtid, server, thread, run in answer["commits"])
    return Commits(tuple(commits), answer["runs"], answer["server_id"])


@inlineCallbacks
def _main(reactor: Any, text: str) -> Any:
    asked = json.loads(text)
    connector = BackendConnector(
        Target(LOOPBACK, asked["port"], TargetTls(TlsMode.PREFERRED, LOOPBACK, None), 20.0),
        KnownUsers(lambda username: Credential(username, Password(asked["password"].encode()), "test", 1)),
        SetUp,
        "test",
        reactor,
    )
    connection = yield connector.open_plain(asked["user"])
    base = GtidSet.parse(asked["base"], asked["is_mariadb"])
    try:
        found = yield connector.limited(commits_after(connection, base, **asked["limits"]))
    except BinlogUnreadable as problem:
        print(json.dumps(str(problem)))
    else:
        listed = [(each.gtid, each.server_id, each.thread_id, each.run) for each in found.commits]
        print(json.dumps({"commits": listed, "runs": found.runs, "server_id": found.server_id}))


if __name__ == "__main__":
    task.react(_main, [sys.argv[1]])
