# SPDX-License-Identifier: MIT
"""The benchmarks run, and their generator tells the truth about its logs; no time is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_matcher_benchmark_runs() -> None:
    command = [sys.executable, str(ROOT / "bench" / "matcher.py"), "--smoke", "--shares", "0.5"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    table, long = printed.split("50,000 lines")
    names = [line[18:34].strip() for line in table.splitlines() if "%" in line]
    asterisk = ["logban", "fail2ban-regex", "rg -c, words", "grep -c, words"]
    assert names == [*asterisk, *["logban", "sshguard parser"] * 2]
    rows = [line[:16].strip() for line in long.splitlines()[1:]]
    assert rows == [name for name in asterisk if name != "fail2ban-regex" or "fail2ban" in long]


def test_the_soak_runs() -> None:
    """A short one: what grows slowly shows in the ten minutes of ``make soak`` alone."""
    command = [sys.executable, str(ROOT / "bench" / "soak.py"), "--seconds", "15", "--rate", "500"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["lines", "memory:", "descriptors:", "threads:"]
    assert lines[0].endswith("drift 0")


def test_every_attack_line_of_the_generator_is_found_and_no_other(tmp_path: Path) -> None:
    log, truth = tmp_path / "full.log", tmp_path / "truth.json"
    make = [sys.executable, str(ROOT / "bench" / "genlog.py"), "--lines", "5000", "--attack", "0.3"]
    subprocess.run([*make, "--truth", str(truth), "-o", str(log)], check=True)
    client = Path(sys.executable).with_name("logban-client")
    command = [client, "--config", ROOT, "filter", "test", "asterisk", log, "--json"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = Counter(json.loads(line)["ip"] for line in printed.splitlines())
    assert found == Counter(json.loads(truth.read_text()))


def test_the_judging_benchmark_runs() -> None:
    command = [sys.executable, str(ROOT / "bench" / "judging.py"), "--smoke"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in printed.splitlines()]
    assert [row[0] for row in rows[:4]] == ["flood", "scan", "spray", "mixed"]
    assert all(float(row[0]) < 260 for row in rows[4:])


def test_the_benchmark_of_enforcing_runs() -> None:
    command = [sys.executable, str(ROOT / "bench" / "enforcing.py"), "--smoke"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    told = [line for line in printed.splitlines() if line.startswith("500 bans")]
    assert [line.endswith("; 500 in the kernel") for line in told] == [True, True]
    assert printed.count("p99") == 2


def test_the_benchmark_of_the_daemon_runs() -> None:
    command = [sys.executable, str(ROOT / "bench" / "serving.py"), "--smoke"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(",")[0] for line in lines] == ["servers", "jails", "catch-up"]
