#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure logban against its peers: the same files, the same run.

All programs read the same generated logs, each with its own filter; the figure is the user CPU time
of the whole process, the median of several runs, less that of the same command on an empty file.
Ratios of one run on one machine are what counts.  fail2ban-regex reads a part of a large log, and
its time is scaled up.  A log ten times as long, at the smallest share of attacks, shows how far
logban is from a program that only looks for words, by the clock, and how much memory it takes.

    bench/matcher.py                     1,000,000 lines at 1 %, 50 % and 100 % attack
    bench/matcher.py --lines 100000 --shares 0.01
    bench/matcher.py --smoke             a few thousand lines: does it run at all?
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

HERE = Path(__file__).parent
# What stands in every line that the asterisk filter asks for, near enough.
WORDS = ["failed for", "to extension", "Error", "chan_iax2.c", "manager.c", "pjproject"]
CLIENT = [str(Path(sys.executable).with_name("logban-client")), "--config", str(HERE.parent)]


@dataclass(frozen=True)
class Program:
    """A program to measure: LOG stands for the file, or the file is its standard input."""

    name: str
    command: list[str]
    reads_stdin: bool = False
    most_lines: int = 10**9


def logban(name: str) -> Program:
    """Give our own command, with a filter that is shipped."""
    return Program("logban", [*CLIENT, "filter", "test", name, "LOG", "--count"])


def for_asterisk() -> list[Program]:
    """Give what reads an Asterisk log: the peer, and two that only look for words, as a limit."""
    quiet = ["--no-check-all", "--print-no-missed", "--print-no-ignored"]
    words = [word for each in WORDS for word in ("-e", each)]
    found = [logban("asterisk")]
    if regex := shutil.which("fail2ban-regex"):
        command = [regex, *quiet, "LOG", "/etc/fail2ban/filter.d/asterisk.conf"]
        found.append(Program("fail2ban-regex", command, most_lines=100_000))
    if ripgrep := shutil.which("rg"):
        found.append(Program("rg -c, words", [ripgrep, "-j1", "-cF", *words, "LOG"]))
    found.append(Program("grep -c, words", ["grep", "-cF", *words, "LOG"]))
    return found


def for_sshd() -> list[Program]:
    """Give what reads a host's authentication log."""
    found = [logban("sshd")]
    parsers = sorted(Path("/usr").glob("lib*/sshguard/sshg-parser"))
    if parsers:
        found.append(Program("sshguard parser", [str(parsers[0])], reads_stdin=True))
    return found


@dataclass(frozen=True)
class Cost:
    """What a run took: seconds of user CPU time and by the clock, and megabytes at the most."""

    user: float
    wall: float
    memory: float


def cost_of(program: Program, log: Path) -> Cost:
    """Run a program and give what it took."""
    command = [str(log) if word == "LOG" else word for word in program.command]
    with (
        log.open("rb") as stream,
        tempfile.TemporaryFile() as said,
        tempfile.TemporaryFile() as out,
    ):
        stdin = stream if program.reads_stdin else subprocess.DEVNULL
        started = time.perf_counter()
        # Not to /dev/null: what is said there nobody counts, so grep ends at the first line.
        running = subprocess.Popen(command, stdin=stdin, stdout=out, stderr=said)
        _, status, usage = os.wait4(running.pid, 0)
        wall = time.perf_counter() - started
        running.returncode = os.waitstatus_to_exitcode(status)
        if running.returncode not in {0, 1}:  # 1: nothing matched, as on the empty file
            said.seek(0)
            text = said.read()[-500:].decode(errors="replace")
            sys.exit(f"{command[0]} ended with {running.returncode}: {text}")
    return Cost(usage.ru_utime, wall, usage.ru_maxrss / 1024)


def user_seconds(program: Program, log: Path) -> float:
    """Run a program and give the user CPU time that it took."""
    return cost_of(program, log).user


def measured(program: Program, log: Path, lines: int, runs: int) -> float:
    """Give the median user CPU time that a program takes for a log, its start left out."""
    share = min(1.0, program.most_lines / lines)
    with tempfile.TemporaryDirectory(prefix="logban-bench-") as folder:
        empty, part = Path(folder) / "empty.log", log
        empty.touch()
        if share < 1:
            part = Path(folder) / "part.log"
            with log.open("rb") as stream, part.open("wb") as out:
                out.writelines(islice(stream, program.most_lines))
        times = [user_seconds(program, part) for _ in range(runs)]
        starts = [user_seconds(program, empty) for _ in range(runs)]
    return max(statistics.median(times) - statistics.median(starts), 0.001) / share


def compare(programs: list[Program], options: argparse.Namespace, *, sshd: bool) -> None:
    """Print a table: each program's time, and how many times as long as logban it took."""
    kind = "auth.log" if sshd else "Asterisk"
    print(f"{kind:<9} {'attack':>6}  {'program':<16} {'seconds':>8} {'lines/s':>12}  to logban")
    for share in [0.01, 1.0] if sshd else options.shares:
        with tempfile.TemporaryDirectory(prefix="logban-bench-") as folder:
            log = Path(folder) / "log"
            make = [sys.executable, str(HERE / "genlog.py"), "--lines", str(options.lines)]
            make += ["--sshd"] if sshd else []
            subprocess.run([*make, "--attack", str(share), "-o", str(log)], check=True)
            times = {
                each.name: measured(each, log, options.lines, options.runs) for each in programs
            }
        for name, seconds in times.items():
            print(
                f"{'':<9} {share:>6.0%}  {name:<16} {seconds:>8.3f} "
                f"{options.lines / seconds:>12,.0f}  {seconds / times['logban']:.2f}"
            )


def read_at_length(options: argparse.Namespace) -> None:
    """Print what a log ten times as long takes by the clock, and of memory."""
    print(
        f"{10 * options.lines:,} lines, {min(options.shares):.0%} attack: seconds by the clock, MB"
    )
    with tempfile.TemporaryDirectory(prefix="logban-bench-") as folder:
        part, log = Path(folder) / "part", Path(folder) / "log"
        make = [sys.executable, str(HERE / "genlog.py"), "--lines", str(options.lines)]
        subprocess.run([*make, "--attack", str(min(options.shares)), "-o", str(part)], check=True)
        with log.open("wb") as out:
            for _ in range(10):
                with part.open("rb") as source:
                    shutil.copyfileobj(source, out)  # what we hold counts as the programs' memory
        for program in for_asterisk():
            if program.most_lines >= 10 * options.lines:
                costs = [cost_of(program, log) for _ in range(options.runs)]
                wall = statistics.median(cost.wall for cost in costs)
                print(f"{program.name:<16} {wall:8.2f} {max(cost.memory for cost in costs):6.0f}")


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.01, 0.5, 1.0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    if options.smoke:
        options.lines, options.runs = 5_000, 1
    os.environ["TZ"] = "UTC"
    print(f"{options.lines:,} lines, user CPU, median of {options.runs}, start-up left out\n")
    empty = Path(os.devnull)
    starts = [cost_of(logban("asterisk"), empty).wall for _ in range(options.runs + 1)]
    print(f"filter test asterisk on an empty file: {statistics.median(starts[1:]):.2f} s, wall\n")
    compare(for_asterisk(), options, sshd=False)
    print()
    compare(for_sshd(), options, sshd=True)
    print()
    read_at_length(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
