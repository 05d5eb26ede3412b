# SPDX-License-Identifier: MIT
"""The settings of a jail that say how bans grow."""

from __future__ import annotations

from typing import Final

from logban.config import parsers
from logban.config.jails import growth
from logban.config.setting import Setting
from logban.policy.bantime import Growth

_GROWTH: Final = Growth()
INCREMENT: Final = Setting(
    "bantime.increment",
    parsers.boolean,
    False,
    "whether bans of who was banned before last longer",
    allowed="yes, no",
)
FACTOR: Final = Setting(
    "bantime.factor",
    growth.factor,
    _GROWTH.factor,
    "what each ban but the first is multiplied by, beside its multiplier",
    allowed="1, 1.5, 2, ...",
)
MULTIPLIERS: Final[Setting[tuple[float, ...]]] = Setting(
    "bantime.multipliers",
    growth.multipliers,
    _GROWTH.multipliers,
    "what the 1st, 2nd, 3rd, ... ban is multiplied by, the last for all further ones; each ban is "
    "twice as long as the one before where this is not set",
    allowed="1 2 4 8 16, ...",
)
FORMULA: Final = Setting(
    "bantime.formula",
    growth.formula,
    _GROWTH.formula,
    "fail2ban's formula, one of the two that its jail.conf documents",
)
MAXTIME: Final = Setting(
    "bantime.maxtime",
    growth.limit,
    _GROWTH.max_time,
    "what no ban grows beyond",
    "seconds",
    "1d, 4w, ...; nothing: no limit",
)
RNDTIME: Final = Setting(
    "bantime.rndtime",
    growth.spread,
    _GROWTH.spread,
    "what further bans are longer by at the most, so that nobody can tell their end",
    "seconds",
    "0, 10m, ...",
)
OVERALLJAILS: Final = Setting(
    "bantime.overalljails",
    parsers.boolean,
    _GROWTH.all_jails,
    "whether earlier bans of other jails count as well",
    allowed="yes, no",
)
MEMORY: Final = Setting(
    "bantime.memory",
    growth.memory,
    _GROWTH.memory,
    "how long after its end a ban still makes the next one longer",
    "seconds",
    "1d, 4w, ...; 90d at the most",
)

GROWTH_SETTINGS: Final = (
    INCREMENT,
    FACTOR,
    MULTIPLIERS,
    FORMULA,
    MAXTIME,
    RNDTIME,
    OVERALLJAILS,
    MEMORY,
)
