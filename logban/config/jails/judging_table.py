# SPDX-License-Identifier: MIT
"""The settings of a jail that say how it judges, and how much is enough for whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from logban.config import parsers
from logban.config.jails import judging
from logban.config.setting import Setting
from logban.policy.scrutiny import Limit, Scrutiny, Style, Unit

JUDGING: Final = Setting(
    "judging",
    judging.style,
    Style.AUTO,
    "plain counts failures and no more, as fail2ban does; full weighs them and knows customers; "
    "auto is full where the filter tells kinds of failures or who got in",
    allowed="auto, plain, full",
)
TRUST: Final = Setting(
    "trust",
    judging.trust,
    6 * 3600.0,
    "how long an address is trusted after somebody got in from there; 0: not at all",
    "seconds",
    "0, 600, 6h, 1d, ...",
)
COUNT_BY: Final[Setting[tuple[Unit, ...]]] = Setting(
    "count_by",
    judging.units,
    (),
    "whom failures are charged to; user-ip, where it is written, counts at every address, and not "
    "only where users are known; all of them where nothing is written",
    allowed="ip, user-ip, user, net",
)
EXTENSIONS: Final[Setting[tuple[str, ...]]] = Setting(
    "extensions",
    judging.extensions,
    (),
    "the numbering plan: a try for an extension unlike any of these weighs more, one a digit off "
    "less; @/path is a file of them, ami those that Asterisk has; learned from who gets in where "
    "nothing is written",
    allowed="201, 7XX, 2000-2999, reception, @/etc/logban/extensions, ami",
)


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """The three keys that say how much is enough for one kind of subject."""

    maxretry: Setting[int]
    findtime: Setting[float]
    bantime: Setting[float | None]

    def all(self) -> tuple[Setting[int] | Setting[float] | Setting[float | None], ...]:
        """Give the three."""
        return self.maxretry, self.findtime, self.bantime


def _limits(name: str, limit: Limit, doc: str) -> LimitSettings:
    spans = "600, 10m, 1h30m, 1d, ..."
    return LimitSettings(
        Setting(
            f"{name}.maxretry", parsers.whole_number(1), limit.maxretry, doc, allowed="1 and up"
        ),
        Setting(
            f"{name}.findtime",
            parsers.duration,
            limit.findtime,
            "within how long",
            "seconds",
            spans,
        ),
        Setting(
            f"{name}.bantime",
            parsers.ban_duration,
            limit.bantime,
            "and for how long",
            "seconds",
            f"{spans}; -1 or forever",
        ),
    )


_SCRUTINY: Final = Scrutiny()
LIMITS: Final = {
    "user-ip": _limits(
        "user-ip", _SCRUTINY.user_ip, "failures of a user at an address that suspend him there"
    ),
    "user": _limits(
        "user", _SCRUTINY.user, "addresses that fail with one user's name and protect the account"
    ),
    "net": _limits(
        "net", _SCRUTINY.net, "addresses of one /24, or /64s of one /56, that ban the network"
    ),
    "net48": _limits(
        "net48",
        _SCRUTINY.net48,
        "/56s of one /48 that ban it; one from which several /64s offend counts five",
    ),
    "slow": _limits(
        "slow", _SCRUTINY.slow, "failures of an address that ban it, however slowly they come"
    ),
}
UNIT_ACTIONS: Final = tuple(
    Setting(f"{unit}.action", parsers.text, "", f"further actions, for {whom} alone")
    for unit, whom in (
        ("user-ip", "users at an address"),
        ("user", "users"),
        ("net", "networks of many addresses"),
    )
)
WEIGHT_PREFIX: Final = "weight."
WEIGHT: Final = Setting(
    f"{WEIGHT_PREFIX}name",
    judging.weight,
    1.0,
    "what a failure of a kind, or by a rule, weighs; a plain wrong password is 1",
    allowed="0 to 250",
)
"""Any number of keys that begin so; the name is that of a kind or a rule of the jail's filter."""

JUDGING_SETTINGS: Final = (
    JUDGING,
    TRUST,
    COUNT_BY,
    *(each for limits in LIMITS.values() for each in limits.all()),
    *UNIT_ACTIONS,
    WEIGHT,
    EXTENSIONS,
)
