#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure the reference matcher against fail2ban-regex: the same file, the same run.

Both programs read the same generated Asterisk log with their own asterisk filter; the figure is
the user CPU time of the whole process, the median of several runs, less that of the same
command on an empty file.  Ratios of one run on one machine are what counts.

    bench/matcher.py                     100,000 lines at 1 %, 50 % and 100 % attack
    bench/matcher.py --lines 1000000 --shares 0.01
    bench/matcher.py --smoke             a few thousand lines: does it run at all?
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
CLIENT = [str(Path(sys.executable).with_name("logban-client")), "--config", str(HERE.parent)]


def user_seconds(command: list[str]) -> float:
    """Run a command and give the user CPU time that it and its children took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode not in {0, 1}:  # 1: nothing matched, as on the empty file
        sys.exit(f"{command[0]} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def measured(command: list[str], log: Path, empty: Path, runs: int) -> float:
    """Give the median user CPU time that a program takes for a log, its start left out."""

    def median(path: Path) -> float:
        filled = [str(path) if word == "LOG" else word for word in command]
        return statistics.median(user_seconds(filled) for _ in range(runs))

    return max(median(log) - median(empty), 0.001)


def competitors() -> dict[str, list[str]]:
    """Give the commands to compare; LOG stands for the file."""
    found = {"logban": [*CLIENT, "filter", "test", "asterisk", "LOG", "--count"]}
    regex = shutil.which("fail2ban-regex")
    if regex is None:
        print("fail2ban-regex is not installed: nothing to compare with", file=sys.stderr)
        return found
    quiet = ["--no-check-all", "--print-no-missed", "--print-no-ignored"]
    found["fail2ban-regex"] = [regex, *quiet, "LOG", "/etc/fail2ban/filter.d/asterisk.conf"]
    return found


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.01, 0.5, 1.0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    if options.smoke:
        options.lines, options.runs = 5_000, 1
    os.environ["TZ"] = "UTC"
    print(f"{options.lines:,} lines, user CPU, median of {options.runs}, start-up left out\n")
    print(f"{'attack lines':>12}  {'program':<16} {'seconds':>8} {'lines/s':>12}  ratio")
    with tempfile.TemporaryDirectory(prefix="logban-bench-") as folder:
        empty = Path(folder) / "empty.log"
        empty.touch()
        for share in options.shares:
            log = Path(folder) / f"attack-{share}.log"
            make = [sys.executable, str(HERE / "genlog.py"), "--lines", str(options.lines)]
            subprocess.run([*make, "--attack", str(share), "-o", str(log)], check=True)
            times = {
                name: measured(command, log, empty, options.runs)
                for name, command in competitors().items()
            }
            for name, seconds in times.items():
                ratio = times.get("fail2ban-regex", seconds) / seconds
                print(
                    f"{share:>12.0%}  {name:<16} {seconds:>8.2f} "
                    f"{options.lines / seconds:>12,.0f}  {ratio:.1f}"
                )
            log.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
