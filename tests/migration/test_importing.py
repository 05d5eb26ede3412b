# SPDX-License-Identifier: MIT
"""An import of fail2ban's directory: what is written, what is told, and nothing twice."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logban.actions.command.shell import Script
from logban.config import load
from logban.errors import ConfigurationError
from logban.migration.importing import Prepared, prepare
from logban.migration.report import BanReport, FileState, Outcome


def imported(tree: Path, target: Path) -> Prepared:
    """Import a tree and write it."""
    prepared = prepare(tree, target)
    prepared.plan.write(target)
    return prepared


def outcomes(prepared: Prepared) -> dict[str, Outcome]:
    return {draft.name: draft.outcome for draft in prepared.drafts}


def said(prepared: Prepared, jail: str) -> str:
    report = prepared.report((), BanReport(), dry_run=False)
    return "\n".join(
        f"{note.what}: {note.why}"
        for each in report.jails
        if each.name == jail
        for note in each.notes
    )


def jail(tree: Path, text: str) -> None:
    (tree / "jail.local").write_text(text)


def test_the_stock_tree_works_as_it_is(stock: Path, shipped: Path) -> None:
    prepared = imported(stock, shipped)
    assert outcomes(prepared) == {"sshd": Outcome.CHANGED}
    configuration = load(shipped)
    assert configuration.failed == {}
    sshd = configuration.jails["sshd"]
    assert (sshd.maxretry, sshd.findtime, sshd.bantime) == (5, 600.0, 600.0)
    assert [path.pattern for path in sshd.log_paths] == ["/var/log/auth.log"]
    assert [spec.written for spec in sshd.actions] == ["iptables-multiport"]
    assert sshd.actions[0].parameters["port"] == ((22, 22),)
    assert sshd.filter is not None
    assert len(sshd.filter.rules) > 20


def test_a_telephone_system_goes_over_to_what_is_installed(freepbx: Path, installed: Path) -> None:
    imported(freepbx, installed)
    configuration = load(installed)
    assert configuration.failed == {}
    assert {"asterisk", "asterisk-iptables", "kamailio", "recidive"} <= configuration.jails.keys()
    assert {each.state for each in imported(freepbx, installed).plan.states()} == {FileState.SAME}


def test_a_jail_over_one_of_logbans_own_bans_as_it_did(stock: Path, shipped: Path) -> None:
    jail(stock, "[asterisk]\nenabled = true\n")
    assert load(shipped).jails["asterisk"].growth is not None
    imported(stock, shipped)
    asterisk = load(shipped).jails["asterisk"]
    assert (asterisk.maxretry, asterisk.findtime, asterisk.bantime) == (10, 600.0, 600.0)
    assert (asterisk.growth, asterisk.scrutiny) == (None, None)
    assert [path.pattern for path in asterisk.log_paths] == ["/var/log/asterisk/messages"]


def test_what_holds_for_two_actions_is_told_once(stock: Path, shipped: Path) -> None:
    jail(
        stock,
        "[asterisk]\nenabled = true\n"
        "action = ufw[name=tcp, protocol=tcp]\n         ufw[name=udp, protocol=udp]\n",
    )
    assert said(imported(stock, shipped), "asterisk").count("action ufw: the bans stand") == 1


def test_a_second_import_changes_nothing(freepbx: Path, shipped: Path) -> None:
    first = prepare(freepbx, shipped)
    assert {each.state for each in first.plan.states()} == {FileState.NEW}
    first.plan.write(shipped)
    before = {path: path.stat().st_mtime_ns for path in shipped.rglob("*")}
    second = imported(freepbx, shipped)
    assert {each.state for each in second.plan.states()} == {FileState.SAME}
    assert {path: path.stat().st_mtime_ns for path in shipped.rglob("*")} == before
    assert not second.report(second.plan.states(), BanReport(), dry_run=False).is_change
    assert outcomes(first) == outcomes(second)


def test_only_what_is_not_shipped_is_written(freepbx: Path, shipped: Path) -> None:
    before = {path: path.read_bytes() for path in shipped.rglob("*") if path.is_file()}
    imported(freepbx, shipped)
    assert {path: path.read_bytes() for path in before} == before
    new = {str(path.relative_to(shipped)) for path in shipped.rglob("*.*") if path.is_file()}
    assert new - {str(path.relative_to(shipped)) for path in before} == {
        *(
            f"jails.d/{name}.conf"
            for name in ("asterisk-iptables", "pbx-gui", "ssh-iptables", "apache-badbots")
        ),
        *("jails.d/recidive.local", "jails.d/fail2ban.conf"),
        *(f"filters.d/{name}.conf" for name in ("asterisk-security", "freepbx", "sshd-fail2ban")),
        *(
            "filters.d/apache-badbots.conf",
            "filters.d/common.conf",
            "filters.d/sshd-fail2ban.local",
        ),
    }


def test_a_telephone_system_has_its_jails(freepbx: Path, shipped: Path) -> None:
    prepared = imported(freepbx, shipped)
    configuration = load(shipped)
    assert configuration.failed == {}
    sip, gui = configuration.jails["asterisk-iptables"], configuration.jails["pbx-gui"]
    assert (sip.maxretry, sip.findtime, sip.bantime) == (5, 600.0, 1800.0)
    assert sip.ignore == ("127.0.0.1", "10.20.0.0/16", "192.0.2.80")
    assert [spec.written for spec in sip.actions] == ["iptables-allports", "sendmail"]
    assert sip.actions[0].parameters["name"] == "SIP"
    assert sip.actions[0].parameters["protocol"] == ()
    assert sip.actions[1].parameters["dest"] == ("admin@example.com",)
    # fail2ban lets two jails fill one chain, and then each lifts the other's bans.
    assert gui.actions[0].parameters["name"] == "SIP-pbx-gui"
    assert "the name is taken by the jail asterisk-iptables" in said(prepared, "pbx-gui")
    assert "sshd" not in configuration.jails
    assert configuration.jails["manual"].bantime == 1800.0
    ssh = configuration.jails["ssh-iptables"].filter
    assert ssh is not None
    assert [each.text for each in ssh.ignore] == [r"from 198\.51\.100\.99 port"]


def test_a_jail_over_fail2bans_own_log_counts_the_bans(freepbx: Path, shipped: Path) -> None:
    prepared = imported(freepbx, shipped)
    assert outcomes(prepared)["recidive"] is Outcome.CHANGED
    assert "counts the bans of the other jails" in said(prepared, "recidive")
    recidive = load(shipped).jails["recidive"]
    assert recidive.recidive
    assert (recidive.maxretry, recidive.findtime, recidive.bantime) == (3, 86400.0, 604800.0)


def test_a_filter_of_its_own_over_that_log_is_told_of(stock: Path, shipped: Path) -> None:
    jail(stock, "[again]\nenabled = true\nfilter = sshd\nlogpath = /var/log/fail2ban.log\n")
    assert "nobody writes fail2ban's own log" in said(imported(stock, shipped), "again")


def test_growing_bans_grow_here(stock: Path, shipped: Path) -> None:
    jail(
        stock,
        "[DEFAULT]\nbantime.increment = true\nbantime.multipliers = 1 5 30\n"
        "[sshd]\nbantime.maxtime = 5w\n",
    )
    assert outcomes(imported(stock, shipped)) == {"sshd": Outcome.CHANGED}
    growth = load(shipped).jails["sshd"].growth
    assert growth is not None
    assert (growth.multipliers, growth.max_time) == ((1.0, 5.0, 30.0), 5 * 604800.0)


def test_a_shipped_filter_stays_beside_fail2bans(stock: Path, shipped: Path) -> None:
    jail(stock, "[asterisk]\nenabled = true\n")
    prepared = imported(stock, shipped)
    configuration = load(shipped)
    asterisk = configuration.jails["asterisk"]
    assert asterisk.filter is not None
    assert asterisk.filter.name == "asterisk-fail2ban"
    assert (asterisk.maxretry, asterisk.bantime) == (10, 600.0)
    assert [path.pattern for path in asterisk.log_paths] == ["/var/log/asterisk/messages"]
    names = [spec.parameters["name"] for spec in asterisk.actions]
    assert names == ["asterisk-tcp", "asterisk-udp"]
    assert "filter = asterisk into the jail" in said(prepared, "asterisk")
    assert (shipped / "jails.d" / "asterisk.local").exists()


def test_a_shipped_jail_gives_way_to_one_over_the_same_log(stock: Path, shipped: Path) -> None:
    jail(
        stock,
        "[pbx]\nenabled = true\nfilter = asterisk\nlogpath = /var/log/asterisk/full\n",
    )
    prepared = imported(stock, shipped)
    configuration = load(shipped)
    assert "pbx" in configuration.jails
    assert "asterisk" in configuration.disabled
    assert "[pbx] instead of [asterisk]" in said(prepared, "pbx")
    assert {each.state for each in imported(stock, shipped).plan.states()} == {FileState.SAME}


def test_what_was_changed_by_hand_stays(freepbx: Path, shipped: Path) -> None:
    imported(freepbx, shipped)
    mine = shipped / "jails.d" / "pbx-gui.conf"
    mine.write_text(mine.read_text().replace("maxretry = 5", "maxretry = 2"))
    states = {each.path: each for each in imported(freepbx, shipped).plan.states()}
    assert states["jails.d/pbx-gui.conf"].state is FileState.KEPT
    assert load(shipped).jails["pbx-gui"].maxretry == 2


def test_a_change_in_fail2ban_is_taken_over(freepbx: Path, shipped: Path) -> None:
    imported(freepbx, shipped)
    local = freepbx / "jail.local"
    local.write_text(local.read_text().replace("maxretry = 3", "maxretry = 4"))
    prepared = prepare(freepbx, shipped)
    states = {each.path: each.state for each in prepared.plan.states()}
    prepared.plan.write(shipped)
    assert states["jails.d/ssh-iptables.conf"] is FileState.CHANGED
    assert states["jails.d/pbx-gui.conf"] is FileState.SAME
    assert load(shipped).jails["ssh-iptables"].maxretry == 4


def test_every_local_wins_over_every_conf(stock: Path, shipped: Path) -> None:
    (stock / "jail.d" / "zz.conf").write_text("[sshd]\nmaxretry = 9\nbantime = 9m\nfindtime = 9m\n")
    jail(stock, "[sshd]\nmaxretry = 8\nbantime = 8m\n")
    (stock / "jail.d" / "aa.local").write_text("[sshd]\nmaxretry = 7\n")
    (stock / "filter.d" / "sshd.d").mkdir()
    (stock / "filter.d" / "sshd.d" / "more.conf").write_text("[Definition]\nignoreregex = one\n")
    imported(stock, shipped)
    sshd = load(shipped).jails["sshd"]
    assert (sshd.maxretry, sshd.bantime, sshd.findtime) == (7, 480.0, 540.0)
    assert sshd.filter is not None
    assert [each.text for each in sshd.filter.ignore] == ["one"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("filter = nothing\nlogpath = /var/log/x", "there is no such filter"),
        ("filter = freeswitch\nlogpath =", "it names no log file"),
        ("filter = freeswitch\nlogpath = /l\nmaxretry = many", "it is no whole number"),
        ("filter = freeswitch\nlogpath = %(nowhere)s", "nothing is called 'nowhere'"),
        ("filter = freeswitch[x=1\nlogpath = /l", "never closed"),
        ("filter = freeswitch\nlogpath = /l\nfailregex = (<HOST>", "jails.d/bad.conf:"),
        ("filter = freeswitch\nbackend = systemd\nlogpath =", "the systemd journal is not read"),
    ],
)
def test_a_jail_that_cannot_run_is_refused_and_the_others_are_not(
    stock: Path, shipped: Path, text: str, reason: str
) -> None:
    jail(stock, f"[bad]\nenabled = true\n{text}\n")
    prepared = imported(stock, shipped)
    assert outcomes(prepared) == {"sshd": Outcome.CHANGED, "bad": Outcome.REFUSED}
    assert reason in said(prepared, "bad")
    assert not (shipped / "jails.d" / "bad.conf").exists()
    assert not (shipped / "filters.d" / "freeswitch.conf").exists()
    assert load(shipped).failed == {}


def test_a_jail_over_the_journal_reads_its_file(stock: Path, shipped: Path, tmp_path: Path) -> None:
    log = tmp_path / "auth.log"
    jail(stock, f"[sshd]\nbackend = systemd\nlogpath = {log}\n")
    prepared = imported(stock, shipped)
    assert outcomes(prepared) == {"sshd": Outcome.CHANGED}
    assert f"reads its logpath instead; {log} does not exist" in said(prepared, "sshd")
    log.touch()
    assert "does not exist" not in said(prepare(stock, shipped), "sshd")


def test_parameters_that_do_not_hold_are_told_of(stock: Path, shipped: Path) -> None:
    jail(
        stock,
        "[sshd]\naction = iptables-multiport[port=ssh, blocktype=DROP, prot=tcp]\n"
        "    sendmail[dest=nobody@@x, mailcmd='mail -s']\n    smtp.py[host=mx, password=x]\n"
        "    other.py\n",
    )
    prepared = imported(stock, shipped)
    told = said(prepared, "sshd")
    assert "iptables-multiport[prot=...]: logban's own action has no such parameter" in told
    assert "sendmail[dest=nobody@@x]" in told
    assert "action smtp.py: its password" in told
    assert "action other.py: it is a Python module" in told
    remarks = [note.what for note in prepared.remarks]
    assert "iptables-multiport[blocktype=...]" in remarks
    written = [spec.written for spec in load(shipped).jails["sshd"].actions]
    assert written == ["iptables-multiport", "sendmail"]


def test_an_action_of_the_admins_own_comes_along(stock: Path, shipped: Path) -> None:
    (stock / "action.d" / "mine.conf").write_text(
        "[Definition]\nactionban = <tool> add <ip>\nactionunban = <tool> del <ip>\n"
        "[Init]\ntool = /usr/bin/x\n"
    )
    (stock / "action.d" / "mine.local").write_text("[Init]\ntool = /usr/bin/y\n")
    (stock / "action.d" / "unsafe.conf").write_text(
        "[Definition]\nactionban = echo '<matches>' | sh\n"
    )
    jail(stock, "[sshd]\naction = mine[name=x]\n    unsafe\n    none\n")
    prepared = imported(stock, shipped)
    told = said(prepared, "sshd")
    assert "action unsafe: action 'unsafe', actionban: <matches> is written by attackers" in told
    assert "action none: there is no action 'none', here or in action.d" in told
    assert "none that is left" not in told
    (action,) = load(shipped).jails["sshd"].actions
    assert action.written == "mine"
    script = action.parameters["ban"]
    assert isinstance(script, Script)
    assert script.inet == "/usr/bin/y add ${LOGBAN_IP}"
    assert not (shipped / "actions.d" / "unsafe.conf").exists()


def test_a_jail_that_only_writes_mails_now_is_told(stock: Path, shipped: Path) -> None:
    jail(stock, "[sshd]\naction = none\n    sendmail[dest=noc@example.org]\n")
    assert "action: none that is left keeps anybody out" in said(imported(stock, shipped), "sshd")
    jail(stock, "[sshd]\naction = sendmail[dest=noc@example.org]\n")
    assert "none that is left" not in said(imported(stock, shipped), "sshd")


def test_a_change_of_fail2bans_own_action_is_told(stock: Path, shipped: Path) -> None:
    (stock / "action.d" / "iptables.local").write_text("[Init]\nblocktype = DROP\n")
    (stock / "action.d" / "email.conf").write_text("[Definition]\nactionban = echo <ip>\n")
    jail(
        stock, "[sshd]\naction = %(action_)s\n    email\n    smtp.py[host=mx, dest=a@example.com]\n"
    )
    told = said(imported(stock, shipped), "sshd")
    assert "action iptables-multiport: action.d/iptables.local: logban's own action does" in told
    assert "action email: logban has an action of this name that does something else" in told
    firewall, mail = load(shipped).jails["sshd"].actions
    assert (firewall.written, mail.written) == ("iptables-multiport", "email")
    assert (str(mail.parameters["smtp"]), mail.parameters["dest"]) == ("mx", ("a@example.com",))


def test_a_jails_own_expressions_come_with_it(stock: Path, shipped: Path) -> None:
    jail(
        stock,
        "[sshd]\nfailregex = %(known/failregex)s\n    ^no 100%% from <HOST>$\nmaxlines = 1\n",
    )
    imported(stock, shipped)
    definition = load(shipped).jails["sshd"].filter
    assert definition is not None
    texts = [rule.expression.text for rule in definition.rules]
    assert texts[-1] == "^no 100% from <HOST>$"
    assert len(texts) > 20


@pytest.mark.parametrize("name", ["manual", "a b", "x/y", "../up"])
def test_a_name_that_no_jail_can_have_is_refused(stock: Path, shipped: Path, name: str) -> None:
    jail(stock, f"[{name}]\nenabled = true\nfilter = sshd\nlogpath = /l\n")
    prepared = imported(stock, shipped)
    assert outcomes(prepared)[name] is Outcome.REFUSED
    assert not list(shipped.parent.glob("up*"))


def test_a_filter_with_an_unknown_key_is_taken_as_it_is(stock: Path, shipped: Path) -> None:
    text = "[Definition]\nfailregex = ^bad <HOST>$\nfailregexp = ^worse <HOST>$\n"
    (stock / "filter.d" / "mine.conf").write_bytes(b"\xef\xbb\xbf" + text.encode())
    jail(stock, "[mine]\nenabled = true\nlogpath = /l\n")
    assert outcomes(imported(stock, shipped))["mine"] is Outcome.AS_IT_IS
    configuration = load(shipped)
    assert "mine" in configuration.jails
    assert any("failregexp" in str(problem) for problem in configuration.warnings)


def test_an_include_that_is_another_here_gets_another_name(stock: Path, shipped: Path) -> None:
    (shipped / "filters.d" / "common.conf").write_text("[DEFAULT]\n")
    imported(stock, shipped)
    assert (shipped / "filters.d" / "common.conf").read_text() == "[DEFAULT]\n"
    text = (shipped / "filters.d" / "sshd-fail2ban.conf").read_text()
    assert "before = common-fail2ban.conf" in text
    assert load(shipped).failed == {}


def test_passwords_stay_with_those_who_could_read_them(stock: Path, shipped: Path) -> None:
    (stock / "jail.local").touch(mode=0o600)
    imported(stock, shipped)
    assert (shipped / "jails.d" / "sshd.conf").stat().st_mode & 0o777 == 0o640


def test_nothing_of_the_tree_is_run(stock: Path, shipped: Path, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    jail(
        stock,
        f"[sshd]\nignorecommand = /bin/touch {touched}\naction = mine\nbantime = 5m\n",
    )
    (stock / "action.d" / "mine.conf").write_text(
        f"[Definition]\nactionstart = touch {touched}\nactionban = touch {touched}\n"
    )
    (stock / "action.d" / "evil.py").write_text(f"open({str(touched)!r}, 'w')\n")
    imported(stock, shipped)
    assert not touched.exists()


PIECES = (
    *("[DEFAULT]\n", "[INCLUDES]\nbefore = jail.local\n", "[a]\n", "[a b]\n", "[]\n", "[manual]\n"),
    *("enabled = true\n", "enabled = %(enabled)s\n", "filter = bad\n", "filter = %(x)s\n"),
    *("filter = bad[a='b, \"c\"']\n", "filter =\n", "logpath = /l\n    /m tail\n", "logpath = l\n"),
    *("action = iptables[name=%(__name__)s, chain='<known/chain>']\n", "action = <x>\n"),
    *("action = mine[x=y\n", "action = mine[ban='<F-USER>']\n", "action = smtp.py[dest=x]\n"),
    *("bantime = -1\n", "bantime = 1h+\n", "maxretry = x\n", "maxretry = 99999999999999999999\n"),
    *("ignoreip = a b ::1/64 %%\n", "backend = systemd[x=y]\n", "failregex = (<HOST>\n", "\xff\n"),
    *("    ; what\n", "\tcontinued\n", "\0\n", "= x\n", "known/x = %(known/x)s\n", "%(\n"),
)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=12), max_size=14))
@settings(max_examples=30, deadline=None)
def test_no_tree_makes_it_fail(pieces: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        tree, target = Path(name, "tree"), Path(name, "target")
        target.mkdir()
        for folder in ("filter.d", "action.d"):
            (tree / folder).mkdir(parents=True)
        (tree / "filter.d" / "bad.conf").write_text("[Definition]\nfailregex = ^bad <HOST>$\n")
        (tree / "action.d" / "mine.conf").write_text("[Definition]\nactionban = x <ip> <x>\n")
        (tree / "jail.local").write_text("".join(pieces), "utf-8", "replace", "")
        prepared = imported(tree, target)
        assert load(target).failed == {}
        assert {each.state for each in imported(tree, target).plan.states()} <= {FileState.SAME}
        assert {each.name for each in prepared.drafts} == {
            each.name for each in prepare(tree, target).drafts
        }


def test_what_is_no_directory_of_fail2bans_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"neither jail\.conf nor"):
        prepare(tmp_path, tmp_path / "logban")
