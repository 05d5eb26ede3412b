# SPDX-License-Identifier: MIT
"""Tests of the whole configuration: layers of jails, failed ones, disabled ones, `manual`."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logban.config import load
from logban.config.settings import Backend, Configuration, LogPath, Start, UseDns
from logban.errors import ConfigurationError
from logban.policy.bantime import Formula, Growth

Write = Callable[[str, str], Path]

FILTER = "[Definition]\nfailregex = ^<HOST> bad$\n  ^<HOST> worse$\n"
GOOD = "[good]\nenabled = yes\nfilter = x\nlogpath = /var/log/good\n"
BASE = "enabled = yes\nfilter = x\nlogpath = /var/log/x\n"


@pytest.fixture
def directory(write: Write) -> Path:
    write("filters.d/x.conf", FILTER)
    return write("jails.d/good.conf", GOOD)


def failed(configuration: Configuration, jail: str = "bad") -> list[str]:
    """Give the errors of a jail; the good one has to run all the same."""
    assert "good" in configuration.jails
    assert jail not in configuration.jails
    return [str(problem) for problem in configuration.failed[jail]]


def test_defaults_hold_where_nothing_is_written(directory: Path) -> None:
    configuration = load(directory)
    assert configuration.problems() == ()
    jail = configuration.jails["good"]
    assert (jail.maxretry, jail.findtime, jail.bantime, jail.max_matches) == (5, 600, 600, 5)
    assert (jail.ignore, jail.ignore_self, jail.ipv6_prefix) == ((), True, 64)
    assert (jail.backend, jail.log_encoding, jail.time_zone) == (Backend.AUTO, "utf-8", None)
    assert [action.type_name for action in jail.actions] == ["nftables"]
    assert str(jail.origin) == "jails.d/good.conf:1"


def test_every_setting_is_read(directory: Path, write: Write) -> None:
    text = (
        "[DEFAULT]\nport = 5060,5061\nprotocol = udp\nmaxretry = 3\nignoreip = ::1 10.0.0.0/8,a.b\n"
        "[pbx]\nenabled = true\nfilter = x\nlogpath = /var/log/a.log tail\n  /var/log/*.log\n"
        "findtime = 1h\nbantime = -1\nipv6_prefix = 48\nmaxmatches = 500\nbackend = pyinotify\n"
        "logencoding = latin-1\nlogtimezone = UTC+0200\nignoreself = no\nusedns = no\n"
    )
    configuration = load(write("jails.d/pbx.conf", text))
    assert configuration.problems() == ()
    jail = configuration.jails["pbx"]
    assert jail.log_paths == (LogPath("/var/log/a.log", Start.TAIL), LogPath("/var/log/*.log"))
    assert (jail.maxretry, jail.findtime, jail.bantime, jail.max_matches) == (3, 3600, None, 100)
    assert (jail.ignore, jail.ignore_self) == (("::1", "10.0.0.0/8", "a.b"), False)
    assert (jail.ipv6_prefix, jail.backend) == (48, Backend.INOTIFY)
    assert (jail.log_encoding, jail.time_zone) == ("latin-1", "UTC+0200")
    assert jail.actions[0].parameters["protocol"] == (17,)


def test_every_local_wins_over_every_conf(directory: Path, write: Write) -> None:
    write("jails.d/a.local", "[good]\nmaxretry = 7\n[DEFAULT]\nfindtime = 7\n")
    write("jails.d/z.conf", "[good]\nmaxretry = 8\nbantime = 8\n[DEFAULT]\nfindtime = 8\n")
    write("jails.d/notes.txt", "[good]\nmaxretry = 9\n")
    jail = load(directory).jails["good"]
    assert (jail.maxretry, jail.findtime, jail.bantime) == (7, 7, 8)


def test_jails_are_off_unless_they_are_on(directory: Path, write: Write) -> None:
    write("jails.d/off.conf", "[off]\nmaxretry = what\n[no]\nenabled = false\nstray\n")
    configuration = load(directory)
    assert configuration.disabled == ("off", "no")
    assert configuration.failed == {}
    assert set(configuration.jails) == {"good", "manual"}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("maxretri = 3", ":5: unknown key 'maxretri'; did you mean 'maxretry'?"),
        ("colour = 3", ":5: unknown key 'colour'; a variable is used as %(colour)s, and nothing"),
        ("x: <HOST>", ":5: unknown key 'x'; if this is another line of a list above, indent it"),
        ("maxretry = 0", ":5: maxretry: '0': it is too small; allowed: 1 and up"),
        ("bantime = soon", ":5: bantime: 'soon': 'soon' is no span of time"),
        ("bantime = %(no)s", ":5: nothing is called 'no', to which 'bantime' refers"),
        ("backend = systemd", ":5: backend: 'systemd': the systemd journal is not read"),
        ("logencoding = utf-16", ":5: logencoding: 'utf-16': an encoding is needed"),
        ("logtimezone = Europe/Berln", ":5: logtimezone: 'Europe/Berln': there is no such time"),
        ("ignoreip = 10.0.0.1 10.0.0", ":5: ignoreip: '10.0.0': it is no address"),
        ("ignorecommand = x <ip>", ":5: ignorecommand: 'x <ip>': write the program's whole path"),
        ("ignorecache = 5m", ":5: ignorecache: '5m': it has a key, max-count and max-time"),
        ("logpath = /a\n  b", ":6: logpath: 'b': a log file's path begins with '/'"),
        ("logpath =", ":1: the jail 'bad' reads no log file; set logpath"),
        ("filter = y", ":5: there is no filter 'y'; there is no filters.d/y.conf"),
        ("filter = x y", ":5: a jail has one filter, and this is a second one"),
        ("filter = x[a=1", ":5: filter: this '[' is never closed"),
        ("filter = %(no)s", ":5: nothing is called 'no'"),
        ("action = nftable", ":5: there is no action 'nftable'; did you mean 'nftables'?"),
        ("action = zzz", ":5: there is no action 'zzz'; there are nftables, iptables, email, "),
        ("action = nftables\n  nftables[prot=1]", ":6: action 'nftables' has no parameter 'prot'"),
        ("action = nftables[port=x y z]", ":5: nftables[port='x y z']:"),
        ("action = nftables[port='1]", ":5: action: this quote is never closed"),
        ("protocol = smoke", ":1: nftables[protocol='smoke']"),
        ("failregex = (", ":5: failregex: no regular expression"),
        ("maxlines = 0", ":5: maxlines: '0': "),
        ("/var/log/y", ":5: '/var/log/y' looks like another path of 'logpath' and is not"),
        ("ignoreip = ::1\n10.0.0.0/8", ":6: '10.0.0.0/8' looks like another address of 'ignoreip'"),
        ("nftables", ":5: 'nftables' looks like a second action of 'action' and is not indented"),
        ("max-retry 5", ":5: 'max-retry 5' is neither [section], comment nor 'key = value'; did y"),
        ("Hello", ":5: 'Hello' is neither [section], comment nor 'key = value'; indent it if it"),
        ("[next", ":5: '[next' is neither [section], comment nor 'key = value'; a section's name"),
        ("maxretry = 5\n  findtime = 6", ":6: 'findtime = 6' is indented and thereby a part of"),
        ("maxretry = 5\n  [next]", ":6: '[next]' is indented and thereby a part of 'maxretry'"),
    ],
)
def test_a_broken_jail_is_told_of_and_the_others_run(
    directory: Path, write: Write, line: str, problem: str
) -> None:
    found = failed(load(write("jails.d/bad.conf", f"[bad]\n{BASE}{line}\n")))
    assert any(each.startswith(f"jails.d/bad.conf{problem}") for each in found), found


@pytest.mark.parametrize("name", ["default", "Includes", "a b", "x" * 65])
def test_names_that_no_jail_can_have(directory: Path, write: Write, name: str) -> None:
    configuration = load(write("jails.d/bad.conf", f"[{name}]\n{BASE}"))
    assert failed(configuration, name)[0].startswith("jails.d/bad.conf:1: ")


def test_a_broken_filter_breaks_the_jails_that_use_it(directory: Path, write: Write) -> None:
    write("filters.d/y.conf", "[Definition]\nfailregex = (\n")
    write("jails.d/bad.conf", f"[bad]\n{BASE}filter = y\n[bad2]\n{BASE}filter = y\n")
    configuration = load(directory)
    for jail in ("bad", "bad2"):
        (problem,) = failed(configuration, jail)
        assert problem.startswith("filters.d/y.conf:2: failregex: ")
    assert configuration.failed["bad2"][0].jail == "bad2"
    assert sum("failregex" in str(problem) for problem in configuration.problems()) == 1


def test_what_a_jail_says_of_its_filter_holds(directory: Path, write: Write) -> None:
    write(
        "filters.d/x.local",
        "[Definition]\nmode = normal\n[rule own]\nfailregex = ^<HOST> <mode>$\n",
    )
    text = (
        f"[replaces]\n{BASE}failregex = ^<HOST> only$\ndatepattern = {{NONE}}\n"
        f"[extends]\n{BASE}failregex = %(known/failregex)s\n  ^<HOST> also <mode>$\n"
        f"[parameters]\n{BASE}filter = x[mode=hard]\n"
        "[x]\nenabled = yes\nmode = soft\nlogpath = /x\n"
    )
    jails = load(write("jails.d/more.conf", text)).jails
    texts = {}
    for name, jail in jails.items():
        if jail.filter:
            texts[name] = [rule.expression.text for rule in jail.filter.rules]
    bad, worse = "^<HOST> bad$", "^<HOST> worse$"
    assert texts["replaces"] == ["^<HOST> only$"]
    assert texts["extends"] == [bad, worse, "^<HOST> also normal$", "^<HOST> normal$"]
    assert texts["parameters"] == [bad, worse, "^<HOST> hard$"]
    assert texts["x"] == [bad, worse, "^<HOST> soft$"]
    extends = jails["extends"].filter
    assert extends is not None
    assert [str(rule.expression.origin) for rule in extends.rules[:3]] == [
        "filters.d/x.conf:2",
        "filters.d/x.conf:3",
        "jails.d/more.conf:12",
    ]


def test_a_jail_can_be_its_own_filter(directory: Path, write: Write) -> None:
    text = "[own]\nenabled = yes\nlogpath = /x\nfailregex = ^<HOST>$\n"
    jail = load(write("jails.d/own.conf", text)).jails["own"]
    assert jail.filter is not None
    assert [str(rule.expression.origin) for rule in jail.filter.rules] == ["jails.d/own.conf:4"]


def test_a_jail_may_have_no_filter_and_no_action(directory: Path, write: Write) -> None:
    configuration = load(write("jails.d/n.conf", "[n]\nenabled = yes\nfilter =\naction =\n"))
    jail = configuration.jails["n"]
    assert (jail.filter, jail.actions) == (None, ())
    assert [str(each) for each in configuration.warnings] == [
        "jails.d/n.conf:3: the jail 'n' has no filter; it bans by hand only",
        "jails.d/n.conf:4: the jail 'n' has no action; its bans are kept and nothing enforces them",
    ]


def test_variables_are_free(directory: Path, write: Write) -> None:
    text = (
        "[DEFAULT]\nmine = 7\nanother = 8\naction_abuse = none\n"
        f"[v]\n{BASE}tries = %(mine)s\nmaxretry = %(tries)s\n_note = x\nport = 1\nmta = mail\n"
        'action = %(action_mw)s\n  command[ban="/bin/x %(fail2ban_confpath)s %(__name__)s"]\n'
    )
    configuration = load(write("jails.d/v.conf", text))
    assert configuration.problems() == ()
    jail = configuration.jails["v"]
    assert jail.maxretry == 7
    assert [action.written for action in jail.actions] == ["nftables", "mail-whois", "command"]
    assert str(directory) in str(jail.actions[2].parameters["ban"])


@pytest.mark.parametrize("line", ["maxretri = 5", "stray", "maxretry = 5\n  bantime = 6"])
def test_what_is_wrong_in_default_concerns_every_jail(write: Write, line: str) -> None:
    write("filters.d/x.conf", FILTER)
    configuration = load(write("jails.d/all.conf", f"[DEFAULT]\n{line}\n[a]\n{BASE}[b]\n{BASE}"))
    assert set(configuration.failed) == {"a", "b"}
    assert set(configuration.jails) == {"manual"}


def test_a_wrong_value_of_default_concerns_only_who_inherits_it(
    directory: Path, write: Write
) -> None:
    text = (
        f"[DEFAULT]\nbantime = soon\n[bad]\n{BASE}[fine]\n{BASE}bantime = 1h\n[good]\nbantime=1\n"
    )
    configuration = load(write("jails.d/h.conf", text))
    assert failed(configuration)[0].startswith("jails.d/h.conf:2: bantime: 'soon'")
    assert configuration.jails["fine"].bantime == 3600
    assert configuration.jails["manual"].bantime == 600


def test_what_is_wrong_with_a_file_concerns_its_jails(directory: Path, write: Write) -> None:
    write("jails.d/bad.conf", f"[INCLUDES]\nbefore = no.conf\n[bad]\n{BASE}")
    write("jails.d/none.conf", "junk\n")
    (directory / "jails.d/folder.conf").mkdir()
    configuration = load(directory)
    assert "the included file 'no.conf' does not exist" in failed(configuration)[0]
    assert [str(each.origin) for each in configuration.errors] == [
        "jails.d/folder.conf:1",
        "jails.d/none.conf:1",
    ]


def test_what_is_taken_and_not_followed_is_told_of(directory: Path, write: Write) -> None:
    text = f"[w]\n{BASE}usedns = warn\nbantime.increment = true\naction = nftables[chain=INPUT]\n"
    configuration = load(write("jails.d/w.conf", text + "bantime.factor = 2\nskip_if_nologs =\n"))
    assert "w" in configuration.jails
    found = [str(each).partition(";")[0] for each in configuration.warnings]
    (told,) = found
    assert told.startswith("jails.d/w.conf:7: nftables[chain=...] is not followed")
    assert {each.jail for each in configuration.warnings} == {"w"}


def test_whether_hosts_are_looked_up_is_the_jails_to_say(directory: Path, write: Write) -> None:
    text = f"[DEFAULT]\nusedns = warn\n[w]\n{BASE}[n]\n{BASE}usedns = no\n[r]\n{BASE}usedns = raw\n"
    configuration = load(write("jails.d/w.conf", text))
    assert configuration.problems() == ()
    found = {
        name: (jail.use_dns, jail.filter.reading.names)
        for name, jail in configuration.jails.items()
        if jail.filter is not None
    }
    assert found == {
        "w": (UseDns.WARN, True),
        "good": (UseDns.WARN, True),
        "n": (UseDns.NO, False),
        "r": (UseDns.NO, False),
    }
    assert directory


def test_how_bans_grow_is_read(directory: Path, write: Write) -> None:
    text = (
        f"[DEFAULT]\nbantime.increment = true\n[w]\n{BASE}bantime.factor = 2.0 / 2.5\n"
        "bantime.multipliers = 1 2 4,8\nbantime.maxtime = 1w\nbantime.rndtime = 10m\n"
        "bantime.overalljails = true\nbantime.memory = 2d\n"
        f"[formula]\n{BASE}bantime.maxtime =\nbantime.formula = ban.Time * math.exp("
        "float(ban.Count+1)*banFactor)/math.exp(1*banFactor)\n"
    )
    configuration = load(write("jails.d/w.conf", text))
    assert configuration.problems() == ()
    growths = {name: jail.growth for name, jail in configuration.jails.items()}
    assert growths["w"] == Growth(
        0.8, (1, 2, 4, 8), Formula.DOUBLING, 604800, 600, all_jails=True, memory=172800
    )
    assert growths["formula"] == Growth(formula=Formula.EXPONENTIAL, max_time=math.inf)
    assert growths["good"] == Growth()
    assert load(write("jails.d/w.conf", f"[w]\n{BASE}")).jails["w"].growth is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("formula = ban.Time * 2", "none is run; write what each ban is multiplied by as"),
        ("factor = __import__('os')", "neither a number nor one divided by another"),
        ("factor = 0", "above 0"),
        ("multipliers = 4 2 1", "a later ban would be shorter than an earlier one"),
        ("multipliers = 1 x", "not all numbers"),
        ("memory = 1y", "the history is kept for 90 days"),
        ("maxtime = soon", "no span of time"),
    ],
)
def test_what_is_no_growth_is_refused(
    directory: Path, write: Write, written: str, said: str
) -> None:
    (problem,) = failed(load(write("jails.d/bad.conf", f"[bad]\n{BASE}bantime.{written}\n")))
    assert problem.startswith("jails.d/bad.conf:5: bantime.")
    assert said in problem
    assert directory


def test_a_limit_below_bantime_is_told_of(directory: Path, write: Write) -> None:
    text = f"[w]\n{BASE}bantime = 1d\nbantime.increment = 1\nbantime.maxtime = 1h\n"
    (problem,) = load(write("jails.d/w.conf", text)).warnings
    assert str(problem).startswith("jails.d/w.conf:7: bantime.maxtime is shorter than bantime")
    assert load(write("jails.d/w.conf", text.replace("= 1\n", "= 0\n"))).problems() == ()
    assert directory


def test_fail2bans_jail_for_repeat_offenders_counts_the_ledgers_bans(
    directory: Path, write: Write
) -> None:
    text = (
        "[recidive]\nenabled = true\nlogpath = /var/log/fail2ban.log\nbantime = 1w\n"
        "findtime = 1d\nbanaction = %(banaction_allports)s\n"
        "[again]\nenabled = true\nfilter = recidive[_jailname=again]\n"
    )
    configuration = load(write("jails.d/recidive.conf", text))
    assert configuration.failed == {}
    assert [str(each).partition(";")[0] for each in configuration.warnings] == [
        "jails.d/recidive.conf:3: logpath is not followed"
    ]
    jail = configuration.jails["recidive"]
    assert (jail.recidive, jail.filter, jail.log_paths) == (True, None, ())
    assert (jail.maxretry, jail.findtime, jail.bantime) == (5, 86400, 604800)
    assert configuration.jails["again"].recidive
    assert not configuration.jails["good"].recidive
    assert directory


def test_manual_always_exists(tmp_path: Path) -> None:
    configuration = load(tmp_path)
    assert set(configuration.jails) == {"manual"}
    manual = configuration.jails["manual"]
    assert (manual.filter, manual.log_paths) == (None, ())
    assert [action.type_name for action in manual.actions] == ["nftables"]


def test_manual_takes_what_is_written_for_it(directory: Path, write: Write) -> None:
    write("jails.d/m.conf", "[DEFAULT]\nbantime = 2h\nlogpath = /x\n[manual]\nfindtime = 9\n")
    configuration = load(directory)
    assert configuration.problems() == ()
    manual = configuration.jails["manual"]
    assert (manual.bantime, manual.findtime, manual.log_paths) == (7200, 9, ())


@pytest.mark.parametrize(
    ("text", "bantime"),
    [
        ("[DEFAULT]\nbantime = 2h\n[manual]\nlogpath = /x\n", 7200),
        ("[DEFAULT]\nbantime = 2h\n[manual]\nbantime = never\n", 7200),
        ("[DEFAULT]\nbantime = never\n", 600),
    ],
)
def test_manual_does_without_what_is_wrong(write: Write, text: str, bantime: float) -> None:
    configuration = load(write("jails.d/m.conf", text))
    assert configuration.jails["manual"].bantime == bantime
    assert configuration.errors[0].jail == "manual"


def test_no_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no configuration directory .*no"):
        load(tmp_path / "no")


def test_a_jails_directory_that_is_a_file(write: Write) -> None:
    configuration = load(write("jails.d", ""))
    assert "the directory cannot be read" in configuration.errors[0].message


WORDS = st.sampled_from(
    [
        "[DEFAULT]",
        "[bad]",
        "[manual]",
        "[INCLUDES]",
        "before = bad.conf",
        "enabled = yes",
        "filter = x[mode=1]",
        "logpath = /a",
        "  /b tail",
        "action = nftables[port=%(port)s]",
        "  command[ban='/bin/true']",
        "sendmail[dest=a@b]",
        "failregex = ^<HOST> <mode>$",
        "  %(known/failregex)s",
        "bantime = %(findtime)s",
        "findtime = %(bantime)s",
        "ignoreip = ::1",
        "x = %",
        "",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.one_of(st.lists(WORDS).map("\n".join), st.text()))
def test_no_content_makes_loading_fail_and_every_problem_has_its_place(
    directory: Path, text: str
) -> None:
    (directory / "jails.d/bad.conf").write_bytes(text.encode("utf-8", "replace"))
    configuration = load(directory)
    assert "manual" in configuration.jails
    assert "good" in configuration.jails.keys() | configuration.failed.keys()
    assert all(each.origin.path and each.origin.line for each in configuration.problems())
