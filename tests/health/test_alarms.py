# SPDX-License-Identifier: MIT
"""When an alarm is raised and cleared: once for whatever comes and goes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logban.health.alarms import MAX_ALARMS, Alarms, Finding
from logban.health.kinds import ACTION_FAILS, JAIL_FAILED, KINDS, SOURCE_SILENT

FAILS = Finding(ACTION_FAILS, "pbx nftables", "no such table")
BROKEN = Finding(JAIL_FAILED, "pbx", "jails.d/pbx.conf:1")


def look(alarms: Alarms, now: float, *findings: Finding) -> list[tuple[str, bool]]:
    return [(each.alarm.about, each.is_raised) for each in alarms.look(findings, now)]


def test_what_lasts_is_told_once_and_its_end_as_well() -> None:
    alarms = Alarms()
    assert look(alarms, 0.0, FAILS) == []
    assert look(alarms, 14.0, FAILS) == []
    assert alarms.raised == ()
    assert look(alarms, 15.0, FAILS) == [("pbx nftables", True)]
    assert look(alarms, 20.0, FAILS) == []
    assert look(alarms, 40.0) == []
    assert look(alarms, 49.0) == []
    assert [alarm.since for alarm in alarms.raised] == [0.0]
    assert look(alarms, 50.0) == [("pbx nftables", False)]
    assert alarms.raised == ()


def test_what_passes_by_itself_is_not_told() -> None:
    alarms = Alarms()
    for now in range(0, 100, 20):
        assert look(alarms, now, FAILS) == []
        assert look(alarms, now + 10.0) == []


def test_what_comes_and_goes_is_one_alarm() -> None:
    alarms = Alarms()
    told = look(alarms, 0.0, FAILS) + look(alarms, 20.0, FAILS)
    for now in range(30, 600, 20):
        told += look(alarms, now)
        told += look(alarms, now + 10.0, FAILS)
    assert told == [("pbx nftables", True)]


def test_the_message_is_the_latest_and_the_critical_come_first() -> None:
    alarms = Alarms()
    look(alarms, 0.0, Finding(SOURCE_SILENT, "/log", "silent for 1h"), BROKEN)
    look(alarms, 5.0, Finding(SOURCE_SILENT, "/log", "silent for 2h"), BROKEN)
    assert [alarm.message for alarm in alarms.raised] == [BROKEN.message, "silent for 2h"]


def test_there_are_only_so_many() -> None:
    alarms = Alarms()
    findings = [Finding(JAIL_FAILED, str(number), "") for number in range(MAX_ALARMS + 7)]
    assert len(alarms.look(findings, 0.0)) == MAX_ALARMS
    assert alarms.overflow == 7
    assert len(alarms.look([], 1.0)) == MAX_ALARMS
    assert alarms.overflow == 0


KIND_SETS = st.sets(st.sampled_from(sorted(KINDS)), max_size=4)


@given(st.lists(st.tuples(st.floats(0.0, 100.0), KIND_SETS), max_size=20))
def test_raised_and_cleared_take_turns(story: list[tuple[float, set[str]]]) -> None:
    """Whatever happens, nobody is told twice of one thing without hearing of its end."""
    alarms, now, raised = Alarms(), 0.0, set()
    for pause, names in story:
        now += pause
        for change in alarms.look([Finding(KINDS[name], "", "") for name in names], now):
            name = change.alarm.kind.name
            assert (name not in raised) is change.is_raised
            (raised.add if change.is_raised else raised.remove)(name)
        assert {alarm.kind.name for alarm in alarms.raised} == raised
