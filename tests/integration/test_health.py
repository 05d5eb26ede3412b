# SPDX-License-Identifier: MIT
"""What goes wrong is told: by exit codes, by mail, in Prometheus's form; with the real things."""

from __future__ import annotations

import sys
from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from logban.testing.lines import LogFile, asterisk_line
from logban.testing.namespaces import BAD, Network
from logban.testing.running import RunningServer

FETCH = (
    "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9532/metrics').read().decode())"
)


def alarms(server: RunningServer) -> list[str]:
    """Give the kinds of the alarms that are raised."""
    return [alarm["kind"] for alarm in server.ask("health")["alarms"]]  # type: ignore[attr-defined]  # JSON


def metrics(network: Network) -> dict[tuple[str, ...], float]:
    """Give what Prometheus would find: values by name and by labels' values."""
    text = network.host.run([sys.executable, "-c", FETCH])
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_attacks_that_no_rule_knows_are_told_by_mail(
    server: RunningServer, log: LogFile, jail: Callable[..., None], post
) -> None:
    server.write(
        "logban.conf", f"[server]\nalarm = email[dest=ops@example.org, smtp={post.place}]\n"
    )
    jail()
    server.start()
    assert server.client("health").code == 0
    for number in range(30):
        line = f"res_new.c: Authentication failed\x1b[2J for 203.0.113.9:{number} \r\nBcc: x@y"
        log.write(asterisk_line(line))
    server.wait(lambda: alarms(server) == ["unmatched-attacks"])
    told = server.client("health")
    assert told.code == 6
    assert "warning unmatched-attacks: jail pbx: 30 lines that no rule knows" in told.out
    recipients, mail = post.next()
    assert recipients == ["ops@example.org"]
    assert mail["Subject"].startswith("[logban] warning: jail pbx: 30 lines that no rule knows on ")
    assert "logban-client unmatched" in mail.get_content()
    assert mail["Bcc"] is None


def test_drift_that_returns_and_its_metrics(
    network: Network, server: RunningServer, log: LogFile, jail: Callable[..., None]
) -> None:
    server.write("logban.conf", "[server]\nmetrics_port = 9532\n")
    jail()
    server.start()
    log.fail(BAD, 5)
    server.ban_of(BAD)
    for turn in (1, 2):
        network.host.run(["nft", "flush", "ruleset"])
        server.wait(
            lambda turn=turn: (
                metrics(network)["logban_action_drift_total", "nftables", "pbx"] >= turn
            ),
        )
        server.ask("health")  # a look between the two
        server.ban_of(BAD)
    assert alarms(server) == ["drift-returns"]
    assert server.client("health", "--nagios").code == 1
    values = metrics(network)
    assert values["logban_alarms", "drift-returns", "warning"] == 1
    assert values["logban_bans", "pbx", "ip"] == 1
    assert values["logban_changes_total", "ban", "pbx", "ip"] == 1
    assert values["logban_source_lines_total", str(log.path)] == 5
    assert values["logban_source_lag_bytes", str(log.path)] == 0
    assert values["logban_action_up", "nftables", "pbx"] == 1


def test_an_action_that_fails(
    server: RunningServer, log: LogFile, jail: Callable[..., None]
) -> None:
    jail(action='command[ban="/bin/false {{ ip }}"]')
    server.start()
    log.fail(BAD, 5)
    server.wait(lambda: alarms(server) == ["action-fails"])
    assert server.client("health", "--nagios").code == 2
    status = server.jail("pbx")
    assert status["actions"][0]["failures"] > 1  # type: ignore[index]  # JSON
    server.stop()
    assert server.client("health").code == 3
