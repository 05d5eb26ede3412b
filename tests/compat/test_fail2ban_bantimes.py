# SPDX-License-Identifier: MIT
"""How bans grow, beside fail2ban's own reckoning: its package is asked for each length."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from logban.config import load
from logban.config.settings import JailSettings

PACKAGE = Path("/usr/lib/python3/dist-packages/fail2ban")
DOUBLING = "ban.Time * (1<<(ban.Count if ban.Count<20 else 20)) * banFactor"
EXPONENTIAL = "ban.Time * math.exp(float(ban.Count+1)*banFactor)/math.exp(1*banFactor)"
HUNDRED_YEARS = 100 * 365.25 * 86400

# What it makes of a ban with so many before it; without any, it leaves bantime as it is.
ASK = """
import json, sys
from fail2ban.server.jail import Jail
from fail2ban.server.observer import ObserverThread
found = []
for bantime, extra in json.load(sys.stdin):
    jail = Jail("x")
    jail.database = object()  # growth wants to see one, and asks it nothing here
    for key, value in {"increment": "true", **extra}.items():
        jail.setBanTimeExtra(key, value)
    reckon = ObserverThread().calcBanTime
    found.append([bantime] + [reckon(jail, bantime, count) for count in range(1, 26)])
json.dump(found, sys.stdout)
"""
CASES: tuple[tuple[float, dict[str, str]], ...] = (
    (600, {}),
    (3600, {"factor": "1.5"}),
    (3600, {"factor": "0.1"}),
    (600, {"formula": DOUBLING, "factor": "2"}),
    (600, {"formula": EXPONENTIAL, "factor": "2.0 / 2.885385"}),
    (60, {"multipliers": "1 5 30 60 300 720 1440 2880"}),
    (600, {"multipliers": "1 2 4 8 16 32 64", "factor": "1.25"}),
    (600, {"maxtime": "5h"}),
    (600, {"multipliers": "1 2 4 8 16 32 64", "maxtime": "1h"}),
)


@pytest.fixture(scope="module")
def fail2bans() -> list[list[float]]:
    """Give what fail2ban says to every case."""
    if not PACKAGE.is_dir():
        pytest.fail("the Debian package fail2ban is missing; make test installs it")
    done = subprocess.run(
        ["/usr/bin/python3", "-c", ASK],
        input=json.dumps(CASES), capture_output=True, text=True, check=True,
    )  # fmt: skip
    lengths: list[list[float]] = json.loads(done.stdout)
    return lengths


def jail_of(directory: Path, bantime: float, extra: dict[str, str]) -> JailSettings:
    lines = [f"bantime.{key} = {value}" for key, value in extra.items()]
    if "maxtime" not in extra:
        lines.append("bantime.maxtime =")
    (directory / "jails.d").mkdir()
    (directory / "filters.d").mkdir()
    (directory / "filters.d/x.conf").write_text("[Definition]\nfailregex = ^<HOST>$\n")
    text = ["[x]", "enabled = true", "logpath = /var/log/x", f"bantime = {bantime}"]
    (directory / "jails.d/x.conf").write_text(
        "\n".join([*text, "bantime.increment = true", *lines, ""])
    )
    return load(directory).jails["x"]


@pytest.mark.parametrize("number", range(len(CASES)), ids=[str(case) for case in CASES])
def test_bans_last_as_long_as_with_fail2ban(
    number: int, fail2bans: list[list[float]], tmp_path: Path
) -> None:
    bantime, extra = CASES[number]
    growth = jail_of(tmp_path, bantime, extra).growth
    assert growth is not None
    found = [growth.length(bantime, offence) for offence in range(1, 27)]
    # Nothing here lasts longer than a hundred years unless it lasts for ever.
    assert found == pytest.approx([min(each, HUNDRED_YEARS) for each in fail2bans[number]])
