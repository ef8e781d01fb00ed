"""What a reload decides: a configuration file that changes under a service whose reactor only pretends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from proxy.config import load
from proxy.logs import LogLevels
from proxy.mysql.backend.probe import ProbeResult
from proxy.mysql.frontend.context import EndpointContext
from proxy.mysql.frontend.registry import FIRST_CLIENT_NUMBER, LAST_CLIENT_NUMBER
from proxy.service import DEBUG_LOGGING_LIFE, ProxyService, _ClientFactory
from proxy.target_unit import TargetUnit
from tests.peers.world import rsa_key

ANSWER = ProbeResult(
    max_connections=200,
    version="9.7.0",
    is_mariadb=False,
    fresh_status=2,
    collations={},
    tracked_variables="autocommit,sql_mode",
)


class Scene:
    """A service that was never started, its files, and what it logs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "rds-proxy.toml"
        self.secrets = {"app": "first"}
        self.options: dict[str, dict[str, Any]] = {
            "log": {},
            "proxy": {"secrets_file": "secrets.toml"},
            "pool": {},
            "target": {"host": "db.example.test"},
        }
        self.users = ["app"]
        self.more = ""
        self.events: list[LogEvent] = []
        self.write()
        self.clock = MemoryReactorClock()
        self.levels = LogLevels("info")
        self.service = ProxyService(str(self.file), load(self.file), self.levels, self.clock)
        self.retired = 0
        #: Users whose connections were retired, one set each time.
        self.retired_users: list[set[str]] = []
        self.unit.pool.retire_all = self._retire_all  # type: ignore[method-assign]
        self.unit.retire_users = lambda names: self.retired_users.append(set(names))  # type: ignore[method-assign]
        self.service.users.store.refresh()
        self.retired_users.clear()

    @property
    def unit(self) -> TargetUnit:
        """The target, the first one if there are several."""
        return next(iter(self.service.group.units.values()))

    @property
    def context(self) -> EndpointContext:
        """What clients of the default endpoint share."""
        return self.service.endpoints.default

    def _retire_all(self) -> None:
        self.retired += 1

    def write(self) -> None:
        """The files as the options are now."""
        tables = (("log", "log"), ("proxy", "proxy"), ("pool", "target_group.connection_pool_config"))
        lines = [line for key, path in tables for line in (f"[{path}]", *self._lines(key))]
        lines += ["[[target_group.targets]]", *self._lines("target"), self.more]
        for user in self.users:
            lines += ["[[proxy.auth]]", f'secret_arn = "{user}"']
        self.file.write_text("\n".join(lines))
        secrets = self.folder / "secrets.toml"
        secrets.touch(mode=0o600)
        secrets.write_text(
            "".join(
                f'[{user}]\nusername = "{user}"\npassword = "{word}"\n' for user, word in self.secrets.items()
            )
        )

    def _lines(self, key: str) -> list[str]:
        shown = {True: "true", False: "false"}
        return [
            f"{name} = {shown[value] if isinstance(value, bool) else repr(value)}"
            for name, value in self.options[key].items()
        ]

    def reload(self) -> None:
        """Write the files, then what SIGHUP does."""
        self.write()
        self.service.reload()

    def logged(self, level: LogLevel) -> list[str]:
        return [formatEvent(event) for event in self.events if event["log_level"] is level]

    def shows(self, level: str) -> bool:
        """Whether events of a level come through."""
        event: LogEvent = {"log_level": LogLevel.levelWithName(level), "log_namespace": "proxy.service"}
        return bool(self.levels(event).name != "no")


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    key = rsa_key()
    monkeypatch.setattr("proxy.endpoints.RsaKeyPair.generate", lambda: key)
    scene = Scene(tmp_path)
    globalLogPublisher.addObserver(scene.events.append)  # type: ignore[arg-type]
    yield scene
    globalLogPublisher.removeObserver(scene.events.append)  # type: ignore[arg-type]


class TestNothingNew:
    def test_nothing_happens(self, scene: Scene) -> None:
        before = scene.service.config
        scene.reload()
        assert scene.service.config == before
        assert scene.retired == 0
        assert scene.logged(LogLevel.info) == ["reloaded; changed: nothing"]
        assert not scene.clock.getDelayedCalls()


class TestOptions:
    def test_clients_read_the_new_ones(self, scene: Scene) -> None:
        scene.options["proxy"]["idle_client_timeout"] = 77
        scene.reload()
        assert scene.context.options.idle_client_timeout == 77
        assert scene.service.registry._context.options.idle_client_timeout == 77
        assert scene.logged(LogLevel.info) == ["reloaded; changed: proxy.idle_client_timeout"]
        assert scene.retired == 0

    def test_another_size_of_the_statement_cache_makes_a_new_one(self, scene: Scene) -> None:
        before = scene.context.screen
        scene.reload()
        assert scene.context.screen is before
        scene.options["proxy"]["statement_cache_entries"] = 7
        scene.reload()
        assert scene.context.screen.cached_verdicts == 7

    def test_the_pools_limits_follow(self, scene: Scene) -> None:
        scene.unit._answered(ANSWER)
        scene.options["pool"]["max_connections_percent"] = 50
        seen: list[Any] = []
        scene.unit.pool.resize = seen.append  # type: ignore[method-assign, assignment]
        scene.reload()
        assert [limits.max_connections for limits in seen] == [100]

    def test_the_targets_answer_is_not_forgotten(self, scene: Scene) -> None:
        scene.unit._answered(ANSWER)
        scene.options["pool"]["init_query"] = "SET sql_mode = ''"
        scene.reload()
        set_up = scene.unit._set_up()
        assert (set_up.init_query, set_up.tracked_variables) == ("SET sql_mode = ''", "autocommit,sql_mode")

    def test_the_probe_goes_at_the_new_interval(self, scene: Scene) -> None:
        scene.options["target"]["probe_interval"] = 3.5
        scene.reload()
        assert scene.unit.monitor._timing().interval == 3.5

    def test_new_connections_go_by_the_targets_new_options(self, scene: Scene) -> None:
        scene.options["target"]["connect_timeout"] = 3.5
        scene.reload()
        assert scene.unit.connector.target.connect_timeout == 3.5

    def test_what_needs_a_restart_is_said_each_time_and_left(self, scene: Scene) -> None:
        scene.options["proxy"].update(port=3307, bind_address="192.0.2.1")
        for _ in range(2):
            scene.events.clear()
            scene.reload()
            assert scene.logged(LogLevel.warn) == [
                "proxy.bind_address has changed and needs a restart",
                "proxy.port has changed and needs a restart",
            ]

    def test_once_it_is_as_it_was_nothing_is_said(self, scene: Scene) -> None:
        scene.options["proxy"]["port"] = 3307
        scene.reload()
        del scene.options["proxy"]["port"]
        scene.events.clear()
        scene.reload()
        assert scene.logged(LogLevel.warn) == []


class TestTargets:
    def test_another_address_is_another_target(self, scene: Scene) -> None:
        before = scene.unit
        scene.options["target"]["port"] = 3307
        scene.reload()
        [unit] = scene.service.group.units.values()
        assert unit is not before
        assert unit.name == "db.example.test:3307"
        assert scene.logged(LogLevel.info) == [
            "target db.example.test:3306 was removed",
            "target db.example.test:3307 was added",
            "reloaded; changed: target_group.targets",
        ]
        assert before.pool.is_stopping

    def test_a_target_that_stays_is_the_same_beside_another_one(self, scene: Scene) -> None:
        before = scene.unit
        scene.more = '[[target_group.targets]]\nhost = "second.example.test"\n'
        scene.reload()
        first, second = scene.service.group.units.values()
        assert (first, second.name) == (before, "second.example.test:3306")
        assert scene.retired == 0
        scene.more = ""
        scene.reload()
        assert list(scene.service.group.units.values()) == [before]


class TestRetirement:
    def test_a_new_init_query_retires_connections(self, scene: Scene) -> None:
        scene.options["pool"]["init_query"] = "SET sql_mode = ''"
        scene.reload()
        assert scene.retired == 1
        scene.reload()
        assert scene.retired == 1

    def test_other_tls_towards_the_target_too(self, scene: Scene) -> None:
        scene.options["target"]["tls"] = "required"
        scene.reload()
        assert scene.retired == 1
        assert scene.unit.connector.target.tls.required

    def test_a_new_password_too(self, scene: Scene) -> None:
        scene.secrets["app"] = "second"
        scene.reload()
        assert scene.retired_users == [{"app"}]
        credential = scene.service.users.store.lookup("app")
        assert credential is not None
        assert credential.password == b"second"

    def test_a_user_who_goes_takes_its_connections_along(self, scene: Scene) -> None:
        scene.users.append("eve")
        scene.secrets["eve"] = "hers"
        scene.reload()
        scene.retired_users.clear()
        scene.users.remove("eve")
        scene.reload()
        assert scene.retired_users == [{"eve"}]
        assert scene.service.users.store.lookup("eve") is None

    def test_secrets_that_cannot_be_read_retire_nobody(self, scene: Scene) -> None:
        scene.write()
        (scene.folder / "secrets.toml").chmod(0o644)
        scene.service.reload()
        assert scene.retired_users == []
        assert scene.service.users.store.lookup("app") is not None
        [warning] = scene.logged(LogLevel.warn)
        assert "is open to others" in warning


class TestRefusal:
    """All or nothing: what is wrong in one place leaves everything as it was."""

    def wrong(self, scene: Scene, part: str) -> None:
        before = scene.service.config, scene.context.options, scene.unit.connector.target
        scene.options["proxy"]["idle_client_timeout"] = 77
        scene.secrets["app"] = "second"
        scene.reload()
        [problem] = scene.logged(LogLevel.error)
        assert problem.startswith("not reloaded: ")
        assert part in problem
        service = scene.service
        after = service.config, scene.context.options, scene.unit.connector.target
        assert all(one is other for one, other in zip(before, after, strict=True))
        credential = service.users.store.lookup("app")
        assert credential is not None
        assert credential.password == b"first"
        assert scene.retired == 0
        assert scene.retired_users == []

    def test_an_unknown_option(self, scene: Scene) -> None:
        scene.options["proxy"]["no_such_option"] = 1
        self.wrong(scene, "no_such_option")

    def test_a_file_that_is_gone(self, scene: Scene) -> None:
        scene.file.unlink()
        scene.service.reload()
        assert "cannot be read" in scene.logged(LogLevel.error)[0]

    @pytest.mark.parametrize("content", [None, "no certificate"])
    def test_a_certificate_that_is_none(self, scene: Scene, content: str | None) -> None:
        scene.options["proxy"].update(tls_certificate="proxy.pem", tls_private_key="proxy.key")
        for name in ("proxy.pem", "proxy.key"):
            if content is not None:
                (scene.folder / name).write_text(content)
        self.wrong(scene, "proxy.pem")

    @pytest.mark.parametrize(
        "content",
        [
            None,
            "no certificate",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ],
    )
    def test_an_authority_that_is_none(self, scene: Scene, content: str | None) -> None:
        scene.options["target"].update(tls="verify-ca", tls_ca="ca.pem")
        if content is not None:
            (scene.folder / "ca.pem").write_text(content)
        self.wrong(scene, "")


class TestDebugLogging:
    def test_it_ends_by_itself(self, scene: Scene) -> None:
        scene.options["proxy"]["debug_logging"] = True
        scene.reload()
        assert scene.shows("debug")
        scene.clock.advance(DEBUG_LOGGING_LIFE - 1)
        assert scene.shows("debug")
        scene.clock.advance(1)
        assert not scene.shows("debug")
        assert scene.shows("info")

    def test_it_is_switched_off(self, scene: Scene) -> None:
        scene.options["proxy"]["debug_logging"] = True
        scene.reload()
        scene.options["proxy"]["debug_logging"] = False
        scene.reload()
        assert not scene.shows("debug")
        assert not scene.clock.getDelayedCalls()

    def test_there_is_one_timer(self, scene: Scene) -> None:
        scene.options["proxy"]["debug_logging"] = True
        for _ in range(3):
            scene.reload()
        assert len(scene.clock.getDelayedCalls()) == 1

    def test_a_reload_for_something_else_does_not_prolong_it(self, scene: Scene) -> None:
        scene.options["proxy"]["debug_logging"] = True
        scene.reload()
        scene.clock.advance(DEBUG_LOGGING_LIFE)
        scene.options["proxy"]["idle_client_timeout"] = 77
        scene.reload()
        assert not scene.shows("debug")

    @pytest.mark.parametrize(("level", "shown"), [("error", False), ("info", True)])
    def test_the_level_of_the_file_follows(self, scene: Scene, level: str, shown: bool) -> None:
        scene.options["log"]["level"] = level
        scene.reload()
        assert scene.shows("info") is shown


class TestAnswers:
    def test_the_first_one_sizes_the_pool(self, scene: Scene) -> None:
        seen: list[Any] = []
        scene.unit.pool.resize = seen.append  # type: ignore[method-assign, assignment]
        scene.unit._answered(ANSWER)
        scene.unit._answered(attrs.evolve(ANSWER, version="9.7.1"))
        scene.unit._answered(attrs.evolve(ANSWER, max_connections=100))
        assert len(seen) == 2
        assert seen[0].max_connections > seen[1].max_connections

    def test_clients_are_told_of_the_latest(self, scene: Scene) -> None:
        assert scene.context.facts().version != "9.7.0"
        scene.unit._answered(ANSWER)
        assert scene.context.facts().version == "9.7.0"


class TestClientNumbers:
    def test_they_are_far_above_a_databases_own(self, scene: Scene) -> None:
        factory = _ClientFactory(scene.context, scene.service.registry)
        numbers = [factory.buildProtocol(None).number for _ in range(3)]
        assert numbers == [FIRST_CLIENT_NUMBER, FIRST_CLIENT_NUMBER + 1, FIRST_CLIENT_NUMBER + 2]

    def test_they_start_over_before_they_need_a_sign(self, scene: Scene) -> None:
        factory = _ClientFactory(scene.context, scene.service.registry)
        scene.service.registry._last_number = LAST_CLIENT_NUMBER - 1
        numbers = [factory.buildProtocol(None).number for _ in range(2)]
        assert numbers == [LAST_CLIENT_NUMBER, FIRST_CLIENT_NUMBER]
