# SPDX-License-Identifier: MIT
"""The client says where no log tells who gets in, until one does."""

from __future__ import annotations

from collections.abc import Callable

from logban.testing.lines import LogFile, asterisk_line
from logban.testing.running import RunningServer

SAID = "no line of anybody who got in: a telephone that fails for hours looks like an attacker"
FILTER = """[Definition]
datepattern = {^LN-BEG}
[rule in]
successregex = ^\\[\\] \\S+ in <F-USER>\\S+</F-USER> <HOST>$
[rule password]
kind = wrong-password
failregex = ^\\[\\] \\S+ refused <F-USER>\\S+</F-USER> <HOST>$
"""


def test_status_and_replay_say_that_customers_can_t_be_told(
    server: RunningServer, jail: Callable[..., None], log: LogFile
) -> None:
    server.write("filters.d/mine.conf", FILTER)
    jail(filter="mine", logtimezone="UTC")
    server.start()

    def shown(*words: str) -> str:
        return " ".join(server.client(*words).out.split())

    def replayed() -> str:
        return shown("replay", str(log.path), "--jail", "pbx")

    for number in range(19):
        log.write(asterisk_line(f"refused 201 203.0.{number}.9"))
    server.wait(lambda: "19 failures" in replayed() or None)
    assert SAID not in replayed()
    assert SAID not in shown("status", "pbx")
    log.write(asterisk_line("refused 201 203.0.113.7"))
    server.wait(lambda: f"20 failures, and {SAID}" in shown("status", "pbx") or None)
    assert f"no successes: 20 failures, and {SAID}" in replayed()
    log.write(asterisk_line("in 201 203.0.113.50"))
    server.wait(lambda: SAID not in shown("status", "pbx") or None)
    assert SAID not in replayed()
