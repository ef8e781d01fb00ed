"""A switchover step by step: in what order, and what comes of it when a step fails, hangs or is in doubt."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from proxy.targets.switchover import (
    Outcome,
    PromotionUndone,
    Running,
    SwitchoverOptions,
    SwitchoverReport,
    Switchovers,
)
from proxy.targets.switchover_procedure import PROMOTABLE, SwitchoverProcedure
from tests.peers.switchable import NEW, OLD, THIRD, FakeGroup, FakeServer, Refused

SWITCHED, REFUSED, WENT_BACK, UNRESOLVED = Outcome


@pytest.fixture
def group() -> FakeGroup:
    return FakeGroup()


def deeds(group: FakeGroup) -> list[str]:
    """The calls that change something."""
    return [call for call in group.calls if not call.startswith(("observe", "rehearse"))]


def is_as_before(group: FakeGroup) -> bool:
    return group.servers[OLD].writable and not group.servers[NEW].writable and group.writer == OLD


class TestSuccess:
    def test_the_steps_come_in_this_order(self, group: FakeGroup) -> None:
        report = group.run()
        assert report.outcome is SWITCHED
        assert deeds(group) == [
            "hold",
            f"fence {OLD}",
            f"promote {NEW}",
            f"adopt {NEW}",
            "release",
            f"complete {NEW}",
        ]
        assert (report.target, report.writer, report.why, report.cut) == (NEW, OLD, "", 0)
        assert group.worst == 1
        names = ["check", "hold", "drain", "fence", "catch up", "promote", "switch"]
        assert [step.name for step in report.steps] == names
        assert any("replicates from nobody" in note for note in report.notes)

    def test_rights_are_tried_before_anybody_waits(self, group: FakeGroup) -> None:
        group.run()
        assert group.calls.index(f"rehearse {OLD} {NEW}") < group.calls.index("hold")

    def test_the_group_has_seen_the_new_writer_before_it_may_choose(self, group: FakeGroup) -> None:
        group.run()
        after = group.calls[group.calls.index(f"promote {NEW}") :]
        assert after.index(f"observe {NEW}") < after.index(f"adopt {NEW}")

    def test_a_new_writer_that_cannot_be_asked_just_then_is_the_writer(self, group: FakeGroup) -> None:
        group.plans["promote"] = lambda: group.refuse(f"observe {NEW}")
        assert group.run().outcome is SWITCHED
        assert group.writer == NEW

    def test_it_waits_for_those_that_run(self, group: FakeGroup) -> None:
        group.present = Running(busy=2)
        ended = group.begin(timeout=10.0)
        group.pass_time(5.0)
        assert group.held
        assert f"fence {OLD}" not in group.calls
        group.present = Running()
        group.pass_time(5.0, until=ended)
        [report] = ended
        assert report.outcome is SWITCHED
        assert not group.cut
        assert report.held == pytest.approx(5.0, abs=0.2)

    def test_it_waits_until_the_target_has_everything(self, group: FakeGroup) -> None:
        group.servers[OLD].executed = 9
        ended = group.begin()
        group.pass_time(3.0)
        assert f"promote {NEW}" not in group.calls
        group.servers[NEW].executed = 9
        group.pass_time(1.0)
        assert ended[0].outcome is SWITCHED

    def test_a_target_of_the_other_deployment(self, group: FakeGroup) -> None:
        group.servers[NEW].deployment, group.servers[NEW].state = "green", "UNUSED"
        report = group.run(follow=True)
        assert report.outcome is SWITCHED
        assert not [call for call in group.calls if call.startswith("follow")]
        assert any("another deployment" in note for note in report.notes)


class TestRefusal:
    """Before anybody is held."""

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"state": "UNAVAILABLE"}, "UNAVAILABLE: WHY"),
            ({"state": "REGISTERING"}, "REGISTERING"),
            ({"lag": 60.0}, "60 s behind"),
            ({"replicates": False}, "replication does not run"),
            ({"replicates": None}, "does not replicate"),
            ({"executed": None}, "no GTIDs"),
            ({"problem": "it is not synced"}, "it is not synced"),
            ({"writable": True}, "two writers"),
            ({"in_transition": True}, "somebody else"),
            *(({"topology": kind}, kind) for kind in ("aurora", "galera", "group_replication")),
        ],
    )
    def test_a_target_that_is_not_fit(self, group: FakeGroup, changes: dict[str, Any], words: str) -> None:
        for name, value in changes.items():
            setattr(group.servers[NEW], name, value)
        report = group.run()
        assert report.outcome is REFUSED
        assert words in report.why
        assert deeds(group) == []

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"writable": False}, "not writable"),
            ({"executed": None}, "GTIDs"),
            ({"topology": "aurora"}, "promote ="),
        ],
    )
    def test_a_writer_that_is_not_fit(self, group: FakeGroup, changes: dict[str, Any], words: str) -> None:
        for name, value in changes.items():
            setattr(group.servers[OLD], name, value)
        report = group.run()
        assert (report.outcome, deeds(group)) == (REFUSED, [])
        assert words in report.why

    def test_targets_that_make_no_sense(self, group: FakeGroup) -> None:
        assert f"{OLD}, {NEW}" in group.run("nobody:1").why
        assert "already" in group.run(OLD).why
        group.writer = None
        assert "nothing to switch from" in group.run().why
        assert group.calls == []

    @pytest.mark.parametrize("call", [f"observe {OLD}", f"observe {NEW}", "rehearse"])
    def test_one_that_does_not_answer(self, group: FakeGroup, call: str) -> None:
        group.hang(call)
        assert group.run().outcome is REFUSED
        group.refuse(call, Refused("1227: you need more rights"))
        report = group.run()
        assert report.outcome is REFUSED
        assert "1227: you need more rights" in report.why
        assert deeds(group) == []

    def test_kinds_that_can_be_promoted(self) -> None:
        assert sorted(PROMOTABLE) == ["replication", "static"]


class TestThoseThatRun:
    def test_what_still_runs_after_the_timeout_is_cut(self, group: FakeGroup) -> None:
        group.present = Running(busy=2, idle=1)
        report = group.run(timeout=3.0)
        assert (report.outcome, report.cut) == (SWITCHED, 3)
        assert group.cut == [(f"switchover to {NEW}", False)]
        assert report.held == pytest.approx(3.0, abs=0.2)

    def test_idle_pinned_ones_are_cut_once_nothing_else_runs(self, group: FakeGroup) -> None:
        group.present = Running(busy=1, idle=2)
        ended = group.begin(timeout=3.0)
        group.pass_time(1.0)
        assert not group.cut
        group.present = Running(busy=0, idle=2)
        group.pass_time(1.0, until=ended)
        assert group.cut == [(f"switchover to {NEW}", True)]
        assert (ended[0].outcome, ended[0].cut) == (SWITCHED, 2)

    def test_connections_that_do_not_go_away(self, group: FakeGroup) -> None:
        group.present, group.cut_works = Running(busy=1), False
        report = group.run(timeout=1.0)
        assert report.outcome is WENT_BACK
        assert deeds(group) == ["hold", "release"]


class TestBack:
    """A doubt before the target is told to be writable."""

    @pytest.mark.parametrize("problem", ["refuses", "hangs", "hangs, and has done it"])
    def test_a_writer_that_is_not_made_read_only(self, group: FakeGroup, problem: str) -> None:
        def hang() -> Deferred[Any]:
            group.servers[OLD].writable = "done" not in problem
            return Deferred()

        group.plans["fence"] = hang
        if problem == "refuses":
            group.refuse("fence", Refused("1205: Lock wait timeout exceeded"))
        report = group.run()
        assert report.outcome is WENT_BACK
        assert "read-only" in report.why
        assert ("1205" in report.why) == (problem == "refuses")
        assert deeds(group) == ["hold", f"fence {OLD}", f"unfence {OLD}", "release"]
        assert is_as_before(group)

    def test_one_that_says_so_and_is_not(self, group: FakeGroup) -> None:
        group.plans["fence"] = lambda: succeed(None)
        assert group.run().outcome is WENT_BACK
        assert is_as_before(group)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"executed": 5}, "not caught up within 4 s: it has 1-5"),
            ({"executed": 5, "replicates": False}, "stopped"),
            ({"identity": "another"}, "another server"),
            ({"problem": "broken"}, "broken"),
            ({"executed": None}, "not caught up"),
        ],
    )
    def test_a_target_that_fails_meanwhile(
        self, group: FakeGroup, changes: dict[str, Any], words: str
    ) -> None:
        def change() -> None:
            for name, value in changes.items():
                setattr(group.servers[NEW], name, value)

        group.plans["fence"] = change
        report = group.run(catch_up_timeout=4.0)
        assert report.outcome is WENT_BACK
        assert words in report.why
        assert is_as_before(group)
        assert f"promote {NEW}" not in group.calls

    def test_somebody_who_writes_to_the_read_only_writer(self, group: FakeGroup) -> None:
        def one_more() -> None:
            group.servers[OLD].executed = (group.servers[OLD].executed or 0) + 1

        group.servers[NEW].executed = 10
        group.plans["fence"] = lambda: group.plans.update({f"observe {OLD}": one_more})
        report = group.run()
        assert report.outcome is WENT_BACK
        assert "somebody writes" in report.why
        assert is_as_before(group)

    def test_a_target_that_somebody_else_has_promoted(self, group: FakeGroup) -> None:
        def promoted() -> None:
            group.servers[NEW].writable = True

        group.plans[f"fence {OLD}"] = lambda: group.plans.update({f"observe {NEW}": promoted})
        report = group.run()
        assert report.outcome is UNRESOLVED
        assert f"unfence {OLD}" not in group.calls
        assert not group.servers[OLD].writable
        assert f"read_only = 0 on {OLD}" in report.notes[-1]

    def test_a_promotion_that_was_undone(self, group: FakeGroup) -> None:
        group.refuse("promote", PromotionUndone("1198: a replica runs"))
        report = group.run()
        assert report.outcome is WENT_BACK
        assert "1198" in report.why
        assert is_as_before(group)

    def test_a_writer_that_needs_several_attempts(self, group: FakeGroup) -> None:
        attempts = iter([fail(Refused("gone")), fail(Refused("gone")), None])
        group.refuse("fence")
        group.plans["unfence"] = lambda: next(attempts)
        report = group.run()
        assert report.outcome is WENT_BACK
        assert deeds(group)[-3:] == ["release", f"unfence {OLD}", f"unfence {OLD}"]

    def test_a_writer_that_has_died(self, group: FakeGroup) -> None:
        group.refuse("fence")
        group.refuse("unfence", Refused("cannot connect"))
        report = group.run(doubt_timeout=20.0)
        assert report.outcome is UNRESOLVED
        assert f"read_only = 0 on {OLD}" in report.notes[-1]
        # Nobody waits for it any longer than for the first attempt.
        assert report.held < 1.0

    def test_another_writer_meanwhile_stays_the_only_one(self, group: FakeGroup) -> None:
        def other() -> Deferred[Any]:
            group.writer = THIRD
            return fail(Refused("cannot connect"))

        group.refuse("fence")
        group.plans["unfence"] = other
        assert group.run().outcome is UNRESOLVED
        assert group.calls.count(f"unfence {OLD}") == 1


class TestDoubt:
    """The target may have been told."""

    @pytest.mark.parametrize("hangs", [False, True])
    def test_it_was_done_all_the_same(self, group: FakeGroup, hangs: bool) -> None:
        def lost() -> Deferred[Any]:
            group.servers[NEW].writable = True
            return Deferred() if hangs else fail(Refused("connection lost"))

        group.plans["promote"] = lost
        report = group.run()
        assert report.outcome is SWITCHED
        assert group.writer == NEW
        assert "doubt" in [step.name for step in report.steps]
        assert group.worst == 1

    def test_it_was_not_done(self, group: FakeGroup) -> None:
        group.refuse("promote")
        assert group.run().outcome is WENT_BACK
        assert is_as_before(group)
        assert deeds(group)[-3:] == [f"settle {NEW}", f"unfence {OLD}", "release"]

    def test_it_answers_late(self, group: FakeGroup) -> None:
        attempts = iter([fail(Refused("no")), Deferred(), succeed(True)])
        group.refuse("promote")
        group.plans["settle"] = lambda: next(attempts)
        assert group.run().outcome is SWITCHED

    @pytest.mark.parametrize("hangs", [False, True])
    def test_it_never_answers(self, group: FakeGroup, hangs: bool) -> None:
        group.refuse("promote")
        group.refuse("settle")
        if hangs:
            group.hang("settle")
        report = group.run(doubt_timeout=20.0)
        assert report.outcome is UNRESOLVED
        # The other one might be writable.
        assert not group.servers[OLD].writable
        assert f"unfence {OLD}" not in group.calls
        assert f"if {NEW} is gone for good" in report.notes[-1]


class TestSomebodyElsePromotes:
    def test_it_holds_until_it_is_seen(self, group: FakeGroup) -> None:
        for server in group.servers.values():
            server.topology, server.executed = "aurora", None
        ended = group.begin(promote=False)
        group.pass_time(3.0)
        assert group.held
        # The new one may be there before the old one is read-only.
        group.servers[NEW].writable = True
        group.pass_time(3.0)
        assert not ended
        group.servers[OLD].writable = False
        group.pass_time(1.0, until=ended)
        assert ended[0].outcome is SWITCHED
        assert deeds(group) == ["hold", f"adopt {NEW}", "release"]

    def test_it_does_not_come(self, group: FakeGroup) -> None:
        report = group.run(promote=False, timeout=5.0)
        assert report.outcome is WENT_BACK
        assert "nobody has promoted it within 5 s" in report.why
        assert deeds(group) == ["hold", "release"]

    def test_servers_that_restart_do_not_answer_for_a_while(self, group: FakeGroup) -> None:
        ended = group.begin(promote=False, timeout=30.0)
        group.refuse("observe")
        group.pass_time(5.0)
        group.plans.clear()
        group.refuse(f"observe {OLD}")
        group.servers[NEW].writable = True
        group.pass_time(1.0, until=ended)
        assert ended[0].outcome is SWITCHED
        assert any("does not answer" in note for note in ended[0].notes)

    def test_what_is_missing_is_told(self, group: FakeGroup) -> None:
        ended = group.begin(promote=False)
        group.servers[OLD] = FakeServer(executed=9)
        group.servers[NEW].writable = True
        group.pass_time(1.0, until=ended)
        assert any("1-9, against 1-7" in note for note in ended[0].notes)


class TestAfterwards:
    def test_the_former_writer_and_its_replicas_follow(self, group: FakeGroup) -> None:
        group.servers[THIRD] = FakeServer()
        group.servers["other:1"] = FakeServer(source=THIRD)
        group.servers["green:1"] = FakeServer(deployment="green")
        report = group.run(follow=True)
        assert [call for call in group.calls if call.startswith("follow")] == [
            f"follow {OLD} {NEW}",
            f"follow {THIRD} {NEW}",
        ]
        assert [step.name for step in report.steps][-2:] == ["follow", "follow"]

    @pytest.mark.parametrize("call", ["complete", "follow"])
    @pytest.mark.parametrize("hangs", [False, True])
    def test_what_fails_then_is_noted(self, group: FakeGroup, call: str, hangs: bool) -> None:
        group.refuse(call, Refused("1227: more rights"))
        if hangs:
            group.hang(call)
        report = group.run(follow=True)
        assert report.outcome is SWITCHED
        assert any(("more than" if hangs else "1227") in note for note in report.notes)
        assert group.calls.index("release") < group.calls.index(
            next(each for each in group.calls if each.startswith(call))
        )


CALLS = ("observe", "rehearse", "fence", "unfence", "promote", "settle", "complete", "follow")


@pytest.mark.parametrize("broken", [*CALLS, "hold", "adopt", "running", "cut_running"])
def test_an_unforeseen_failure_holds_nobody(
    group: FakeGroup, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(*_: Any, **__: Any) -> Any:
        raise RuntimeError("nobody has thought of that")

    if broken == "cut_running":
        group.present = Running(idle=1)
    monkeypatch.setattr(group, broken, raises)
    ended: list[Any] = []
    group.procedure(follow=True).run().addBoth(ended.append)
    group.pass_time(200.0, until=ended)
    assert ended
    assert not group.held
    assert not group.clock.getDelayedCalls()
    assert group.worst == 1


@pytest.mark.parametrize("first", CALLS)
@pytest.mark.parametrize("second", CALLS)
@pytest.mark.parametrize("how", ["refuse", "hang"])
@pytest.mark.parametrize("has_effect", [False, True])
def test_two_failures_never_make_two_writers(first: str, second: str, how: str, has_effect: bool) -> None:
    group = FakeGroup()
    effects = {"fence": (OLD, False), "unfence": (OLD, True), "promote": (NEW, True)}

    def failing(call: str) -> Any:
        def plan() -> Deferred[Any]:
            if has_effect and call in effects:
                name, writable = effects[call]
                group.servers[name].writable = writable
            return Deferred() if how == "hang" else fail(Refused(call))

        return plan

    count = 0

    def begins_to_fail() -> Deferred[Any] | None:
        nonlocal count
        count += 1
        # The checks at the beginning ask each of the two once.
        return failing("observe")() if count > 2 else None

    for call in (first, second):
        group.plans[call] = begins_to_fail if call == "observe" else failing(call)
    report = group.run(follow=True)
    assert group.worst == 1
    writable = [name for name, server in group.servers.items() if server.writable]
    if report.outcome is SWITCHED:
        assert (writable, group.writer) == ([NEW], NEW)
    elif report.outcome in (WENT_BACK, REFUSED):
        assert (writable, group.writer) == ([OLD], OLD)


class TestOneAtATime:
    def switchovers(self, group: FakeGroup) -> Switchovers:
        def begin(target: str, options: SwitchoverOptions, by: str) -> SwitchoverProcedure:
            return SwitchoverProcedure(group, target, options, group.clock, by)

        return Switchovers(begin, lambda: SwitchoverOptions(timeout=4.0), group.clock)

    def test_a_second_one_is_refused(self, group: FakeGroup) -> None:
        switchovers, ended = self.switchovers(group), list[SwitchoverReport]()
        group.present = Running(busy=1)
        switchovers.start(NEW, None, "boss").addCallback(ended.append)
        group.pass_time(2.0)
        assert switchovers.under_way == NEW
        [second] = _now(switchovers.start(NEW, None, "clerk"))
        assert second.outcome is REFUSED
        assert f"to {NEW} is under way since 2.0 s" in second.why
        group.pass_time(10.0, until=ended)
        assert ended[0].outcome is SWITCHED
        assert ended[0].held == pytest.approx(4.0, abs=0.2)
        assert switchovers.under_way == ""
        [third] = _now(switchovers.start(NEW, None, "boss"))
        assert "already" in third.why

    def test_its_own_timeout_stands_above_the_options(self, group: FakeGroup) -> None:
        ended: list[SwitchoverReport] = []
        group.present = Running(busy=1)
        self.switchovers(group).start(NEW, 1.0, "boss").addCallback(ended.append)
        group.pass_time(10.0, until=ended)
        assert ended[0].held == pytest.approx(1.0, abs=0.2)

    def test_it_goes_on_without_the_one_who_asked(self, group: FakeGroup) -> None:
        group.present = Running(busy=1)
        answer = self.switchovers(group).start(NEW, None, "boss")
        answer.addErrback(lambda _: None)
        group.pass_time(1.0)
        answer.cancel()
        group.pass_time(10.0)
        assert group.writer == NEW

    def test_a_proxy_that_stops_goes_back(self, group: FakeGroup) -> None:
        switchovers, ended = self.switchovers(group), list[SwitchoverReport]()
        assert switchovers.stop().called
        switchovers = self.switchovers(group)
        group.servers[OLD].executed = 9
        switchovers.start(NEW, None, "boss").addCallback(ended.append)
        group.pass_time(1.0)
        assert not group.servers[OLD].writable
        stopped = switchovers.stop()
        assert not stopped.called
        group.pass_time(1.0, until=ended)
        assert stopped.called
        assert ended[0].outcome is WENT_BACK
        assert is_as_before(group)
        [report] = _now(switchovers.start(NEW, None, "boss"))
        assert "stopped" in report.why


def _now(answer: Deferred[SwitchoverReport]) -> list[SwitchoverReport]:
    reports: list[SwitchoverReport] = []
    answer.addCallback(reports.append)
    return reports
