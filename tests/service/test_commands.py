# SPDX-License-Identifier: MIT
"""What an admin asks and orders, answered by a daemon with a fake kernel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from logban.config import load
from logban.control.payloads import JailState
from logban.control.service import Forever
from logban.errors import ConfigurationError, UnknownName, UsageError
from logban.model import Subject
from logban.service.commands import DaemonService
from logban.testing.actions import FakeEnforcer
from logban.testing.lines import wrong_password
from logban.testing.machine import BAD, NOW, OTHER, Machine, once
from logban.testing.waiting import until

WHO = Subject.parse(BAD)
NET6 = Subject.parse("2001:db8:66::/64")


@pytest.fixture
def machine(bench: Machine) -> Machine:
    bench.jail()
    return bench


@asynccontextmanager
async def serving(machine: Machine) -> AsyncIterator[DaemonService]:
    async with machine.running() as daemon:
        yield DaemonService(daemon, lambda: load(machine.folder))


def test_status(machine: Machine) -> None:
    machine.jail("bad", maxretry="many")
    machine.jail("late", logpath=str(machine.folder / "missing"))

    async def story() -> None:
        async with serving(machine) as service:
            machine.fail(times=3)
            await until(lambda: machine.enforcer().in_force)
            status = await service.status()
            jails = {jail.name: jail for jail in status.jails}
            assert {name: jail.state for name, jail in jails.items()} == {
                "bad": JailState.FAILED,
                "late": JailState.WAITING,
                "manual": JailState.RUNNING,
                "pbx": JailState.RUNNING,
            }
            assert "jails.d/bad.conf:5: " in jails["bad"].reason
            assert jails["late"].reason == f"no log file yet: {machine.folder / 'missing'}"
            pbx = jails["pbx"]
            assert (pbx.banned, pbx.banned_total, pbx.failures, pbx.failures_total) == (1, 1, 1, 3)
            assert pbx.settings is not None
            assert pbx.settings.maxretry == 2
            (source,) = [one for one in status.sources if one.path == str(machine.log.path)]
            assert source.lines == 3
            assert (await service.status_jail("bad")).jail.state is JailState.FAILED
            detail = await service.status_jail("pbx")
            assert [(view.subject, view.in_force) for view in detail.bans] == [(WHO, True)]
            machine.clock.advance(601)  # what is too old counts no longer, tidied away or not
            assert (await service.status_jail("pbx")).jail.failures == 0
            assert (await service.why(Subject.parse(OTHER))).failures == ()
            assert (await service.ping()).started == NOW

    once(story)


def test_trouble_with_the_database_is_the_first_warning(machine: Machine) -> None:
    async def story() -> None:
        async with machine.running() as daemon:
            daemon.checkpoints.error = "the disk is full"
            status = await DaemonService(daemon, lambda: load(machine.folder)).status()
            assert status.warnings[0] == "the disk is full"

    once(story)


def test_jails_that_are_not_there(machine: Machine) -> None:
    machine.jail("bad", maxretry="many")
    machine.jail("off", enabled="false")

    async def story() -> None:
        async with serving(machine) as service:
            for name, told in (
                ("bad", r"'bad' is not running: jails\.d/bad\.conf:5: "),
                ("off", "'off' is not enabled"),
                ("pbc", "there is no jail 'pbc'; did you mean 'pbx'?"),
                ("zzzzzz", "there is no jail 'zzzzzz'$"),
            ):
                with pytest.raises(UnknownName, match=told):
                    await service.ban([WHO], name, None, "")
                with pytest.raises(UnknownName):
                    await service.allow_list(name)
                if name == "bad":
                    continue  # its bans of before are in force, and can be seen and lifted
                with pytest.raises(UnknownName, match=told):
                    await service.banned(name, None)
                with pytest.raises(UnknownName):
                    await service.unban([WHO], name)

    once(story)


def test_a_user_whom_no_action_keeps_out_is_not_listed_as_not_in_force(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeEnforcer, "takes", lambda _, subject: not subject.user, raising=False)

    async def story() -> None:
        async with serving(machine) as service:
            user = Subject.from_json({"kind": "user-ip", "user": "6003", "ip": OTHER})
            placed = await service.ban([user, WHO], "pbx", None, "")
            assert {view.subject: view.in_force for view in placed.bans} == {user: None, WHO: True}

    once(story)


def test_bans_by_hand(machine: Machine) -> None:
    async def story() -> None:
        async with serving(machine) as service:
            placed = await service.ban([WHO], "pbx", None, "scan")
            assert [(v.subject, v.until, v.in_force) for v in placed.bans] == [
                (WHO, NOW + 60, True)
            ]
            placed = await service.ban(
                [WHO, Subject.parse("127.0.0.1")], "pbx", Forever.FOREVER, ""
            )
            assert placed.bans[0].until is None
            assert "exempt by '127.0.0.0/8'" in placed.refused[0].reason
            six = Subject.parse("2001:db8:66::7", 128)
            placed = await service.ban([six], None, 30.0, "")
            assert [(view.subject, view.jail) for view in placed.bans] == [(NET6, "manual")]
            assert placed.bans[0].in_force is None  # [manual] has no action here
            user = Subject.from_json({"kind": "user-ip", "user": "6003", "ip": OTHER})
            await service.ban([user], "pbx", 30.0, "")
            banned = await service.banned(None, [six, WHO, Subject.parse(OTHER), user])
            assert {view.subject for view in banned.bans} == {NET6, WHO, user}
            assert banned.not_banned == (Subject.parse(OTHER),)
            assert len((await service.banned("pbx", None)).bans) == 2
            lifted = await service.unban([six, Subject.parse(OTHER)], None)
            assert [view.subject for view in lifted.lifted] == [NET6]
            assert lifted.not_banned == (Subject.parse(OTHER),)
            assert len((await service.unban(None, "pbx")).lifted) == 2
            assert machine.enforcer().in_force == {}
            assert (await service.unban(None, None)).lifted == ()

    once(story)


def test_an_unban_of_one_in_a_banned_network(machine: Machine) -> None:
    async def story() -> None:
        async with serving(machine) as service:
            network = Subject.parse("198.51.100.0/24")
            await service.ban([network], "pbx", 30.0, "")
            why = await service.why(WHO)
            assert [each.ban.subject for each in why.banned] == [network]
            lifted = await service.unban([WHO], None)
            assert [view.subject for view in lifted.lifted] == [network]

    once(story)


def test_exemptions(machine: Machine) -> None:
    machine.jail(ignoreip="192.0.2.0/24 Office.Example.Test", maxretry="1")
    machine.names.known["office.example.test"] = frozenset({"203.0.113.80"})

    async def story() -> None:
        async with serving(machine) as service:
            machine.fail(times=1)
            await until(lambda: machine.enforcer().in_force)
            added = await service.allow_add("198.51.100.7/24", 60.0, "ours")
            assert (added.entry.entry, added.entry.until) == ("198.51.100.0/24", NOW + 60)
            assert [view.subject for view in added.lifted] == [WHO]
            machine.names.known["home.example.test"] = frozenset({OTHER})
            added = await service.allow_add("Home.example.test.", None, "")
            assert added.entry.addresses == (OTHER,)
            entries = (await service.allow_list("pbx")).entries
            assert {(entry.entry, entry.jail, entry.addresses) for entry in entries} == {
                ("198.51.100.0/24", "", ()),
                ("home.example.test", "", (OTHER,)),
                ("192.0.2.0/24", "pbx", ()),
                ("office.example.test", "pbx", ("203.0.113.80",)),
            }
            assert len((await service.allow_list(None)).entries) >= 4
            why = await service.why(Subject.parse(OTHER))
            assert why.exempt is not None
            assert why.exempt.entry == "home.example.test"
            removed = await service.allow_del("198.51.100.99/24")
            assert removed.entry.note == "ours"
            with pytest.raises(UnknownName, match="allow list"):
                await service.allow_del("198.51.100.0/24")
            for wrong in (
                "no name",
                "-",
                "a..b",
                "file:/etc/exempt",
                "permissions:1:/run/k.sock",
                "1.2.3.256",
                "x" * 64 + ".test",
                "a." * 130 + "b",
            ):
                with pytest.raises(UsageError):
                    await service.allow_add(wrong, None, "")

    once(story)


def test_why(machine: Machine) -> None:
    async def story() -> None:
        async with serving(machine) as service:
            machine.fail(times=3)
            await until(lambda: machine.enforcer().in_force)
            why = await service.why(WHO)
            (explained,) = why.banned
            assert len(explained.evidence) == 2
            assert [(each.jail, len(each.failures)) for each in why.failures] == [("pbx", 1)]
            assert why.floor is None
            await service.unban([WHO], None)
            why = await service.why(WHO)
            assert (why.banned, why.failures, why.floor) == ((), (), NOW)
            assert [(past.jail, past.ended_by) for past in why.history] == [("pbx", "hand")]

    once(story)


def test_reload(machine: Machine) -> None:
    async def story() -> None:
        async with serving(machine) as service:
            assert (await service.reload()).changed == ()
            machine.jail(maxretry="7")
            assert (await service.reload()).changed == ("jail pbx has changed",)
            machine.jail(maxretry="many")
            with pytest.raises(ConfigurationError, match=r"jails\.d/pbx\.conf:5: "):
                await service.reload()
            jail = (await service.status_jail("pbx")).jail
            assert jail.settings is not None
            assert jail.settings.maxretry == 7

    once(story)


def test_the_clock_of_a_log(machine: Machine) -> None:
    async def story() -> None:
        async with machine.running() as daemon:
            service = DaemonService(daemon, lambda: load(machine.folder))
            machine.log.write("x\n")
            await until(lambda: daemon.sources.report()[0].lines == 1)
            machine.log.write(wrong_password(BAD, NOW - 7200))
            await until(lambda: len(daemon.jails.running["pbx"].judge.tracker))
            clock = (await service.status_jail("pbx")).jail.clock
            assert clock.offset == pytest.approx(-7200)
            assert "set logtimezone = " in clock.hint

    once(story)


def test_what_earlier_bans_make_of_the_next_one_is_told(machine: Machine) -> None:
    machine.jail(**{"bantime.increment": "yes", "bantime": "60"})
    machine.jail("recidive", filter="recidive", maxretry="3", findtime="1d")

    async def story() -> None:
        async with serving(machine) as service:
            for number in range(2):
                machine.fail()
                await until(lambda: machine.enforcer().in_force)
                answer = await service.why(WHO)
                (ban,) = answer.banned
                assert ban.ban.offence == number + 1
                assert ban.length == ("2m: 2nd ban, 1m x 2" if number else "1m: the first ban")
                assert answer.explanation == (
                    f"jail recidive counts {number + 1} of 3 bans within 1d",
                )
                await machine.let_pass(121)
                await until(lambda: not machine.enforcer().in_force)
            answer = await service.why(WHO)
            assert answer.banned == ()
            assert [past.offence for past in answer.history] == [2, 1]
            assert set(answer.explanation) == {
                "the next ban in jail pbx would last 4m: 3rd ban, 1m x 4",
                "jail recidive counts 2 of 3 bans within 1d",
            }
            assert (await service.why(Subject.parse(OTHER))).explanation == ()
            jail = (await service.status_jail("recidive")).jail
            assert jail.filter == "recidive"
            settings = (await service.status_jail("pbx")).jail.settings
            assert settings is not None
            assert settings.growth.startswith("twice as long with each earlier ban")

    once(story)
