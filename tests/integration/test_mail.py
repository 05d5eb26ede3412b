# SPDX-License-Identifier: MIT
"""Mail about bans: that it comes with what an admin needs, and that it holds nothing up."""

from __future__ import annotations

from collections.abc import Callable

from logban.testing.lines import LogFile, wrong_password
from logban.testing.namespaces import BAD, Network
from logban.testing.running import RunningServer

Jail = Callable[..., None]


def test_a_mail_has_evidence_and_whois(
    server: RunningServer, log: LogFile, jail: Jail, post, whois: list[str]
) -> None:
    jail(
        action="nftables\n  sendmail-whois[name=PBX, dest=admin@example.org, "
        f"sender=logban@example.org, smtp={post.place}, whois_server=127.0.0.1]"
    )
    server.start()
    users = ["2001", "2002", "\x1b[2J", "x\r.", "Bcc: all@example.org"]
    for user in users:
        log.write(wrong_password(BAD, user=user))
    recipients, mail = post.next()
    assert recipients == ["admin@example.org"]
    assert mail["To"] == "admin@example.org"
    assert BAD in mail["Subject"]
    assert "PBX" in mail["Subject"]
    assert mail["Bcc"] is None
    text = mail.get_content()
    for user in users[:2]:
        assert f"Registration from '<sip:{user}@192.0.2.1>' failed for '{BAD}:" in text
    assert "\x1b" not in text
    assert "netname: EVIL-NET" in text
    assert whois == [BAD]


def test_a_dead_mail_server_holds_no_ban_up(
    network: Network, server: RunningServer, log: LogFile, jail: Jail, post_office
) -> None:
    rule = "type filter hook input priority 0; tcp dport 2525 {};"
    hole = f"table inet hole {{{{ chain in {{{{ {rule} }}}}; }}}}"
    network.host.run(["nft", "-f", "-"], hole.format("drop"))
    jail(action="nftables\n  sendmail[smtp=127.0.0.1:2525, timeout=10m, digest=never]")
    server.start()
    log.fail(BAD, 5)
    server.ban_of(BAD)
    others = [f"203.0.113.{number}" for number in range(101, 106)]
    for address in others:  # while the first mail is being tried
        log.fail(address, 5)
        server.ban_of(address)

    def mail_action() -> dict[str, object]:
        actions = server.jail("pbx")["actions"]
        return next(each for each in actions if each["name"] == "sendmail")  # type: ignore[attr-defined]  # JSON

    server.wait(lambda: mail_action()["pending"] == 1 + len(others))
    assert mail_action()["failures"] == 0
    refusing = hole.format("reject with tcp reset")
    network.host.run(["nft", "-f", "-"], f"delete table inet hole; {refusing}")
    tried = server.wait(lambda: (told := mail_action())["state"] == "retrying" and told)
    assert "127.0.0.1:2525" in str(tried["error"])
    assert tried["pending"] == 1 + len(others)
    assert not network.arrives(BAD)
    network.host.run(["nft", "delete", "table", "inet", "hole"])
    with post_office(2525) as post:
        subjects = [post.next(100)[1]["Subject"] for _ in range(1 + len(others))]
    for address, subject in zip([BAD, *others], subjects, strict=True):
        assert address in subject
    server.wait(lambda: mail_action()["state"] == "ok")


def test_a_mail_server_that_never_ends_its_greeting_holds_up_no_end(
    network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    """The mail has ten minutes; the daemon, told to stop, does not wait for it."""
    jail(action="nftables\n  sendmail[smtp=127.0.0.1:2525, timeout=10m]")
    with network.host.tcp("127.0.0.1", 2525) as listener:
        listener.listen()
        server.start()
        log.fail(BAD, 5)
        server.ban_of(BAD)
        with listener.accept()[0] as connection:
            connection.sendall(b"220-" + b"x" * 60 + b"\r\n220")
            assert server.stop() == 0
    assert "action sendmail hangs; left alone" in server.log
    assert "something still hangs; left alone" in server.log
    assert not network.arrives(BAD)
