# SPDX-License-Identifier: MIT
"""Scenes of /48s: one attacker has one for himself, or 256 households have one together."""

from __future__ import annotations

import random

from scenes import DAY, HOUR, MINUTE, OFFICE, START, Expected, scene

WIDE = "2001:db8:bad::/48"
PROVIDER = "2001:db8:70"


def hop(number: int) -> str:
    """Give the address that an attacker has in one of his 65,536 networks of 64 bits."""
    return f"2001:db8:bad:{number:x}::{number % 7 + 1:x}"


def household(number: int) -> str:
    """Give a telephone's address in one of 256 households with a /56 each."""
    return f"{PROVIDER}:{number:x}00::50"


def anywhere(number: int, seed: str) -> list[int]:
    """Give so many of 65,536 networks, none of them twice."""
    return random.Random(seed).sample(range(65536), number)  # noqa: S311  # the hops of a story


HOUSEHOLDS = tuple(household(number) for number in range(256))


# Attackers


@scene("an attacker hops in his /48, anywhere", Expected(banned={WIDE: 90}, most_bans=3))
def hops(log) -> None:
    log.register(START, OFFICE, "201")
    for number, where in enumerate(anywhere(1500, "anywhere")):
        log.unknown(START + 60 + number, hop(where), str(100 + number))


@scene("an attacker takes his /64s in their order", Expected(banned={WIDE: HOUR}))
def in_order(log) -> None:
    log.register(START, OFFICE, "201")
    for number in range(2560):
        log.unknown(START + 60 + number, hop(number), str(100 + number))


@scene(
    "an attacker takes another /56 of his /48 every six minutes",
    Expected(banned={WIDE: DAY / 4}, safe=(OFFICE,)),
)
def seldom(log) -> None:
    for number in range(230):
        log.register(START + number * 6 * MINUTE, OFFICE, "201")
        at, where = START + 60 + number * 6 * MINUTE, hop((number * 37 % 256) << 8)
        log.wrong_password(at, where, str(201 + number % 20))


@scene("an attacker hops in a /48 in a log that shows no success", Expected(banned={WIDE: 180}))
def blind(log) -> None:
    for number, where in enumerate(anywhere(600, "unseen")):
        log.unknown(START + number, hop(where), str(100 + number))


@scene(
    "an attacker hops in a /48 that is a customer's as well",
    Expected(
        safe=("2001:db8:bad:ff00::9",),
        banned={f"2001:db8:bad:{part:x}00::/56": 30 * MINUTE for part in (20, 21, 22)},
    ),
)
def shared(log) -> None:
    log.register(START, "2001:db8:bad:ff00::9", "201")
    for number in range(1000):
        log.unknown(START + 60 + number, hop(number % 60 << 8 | number // 60), str(100 + number))


# Customers


@scene(
    "a provider's customers fail as his database is away",
    Expected(safe=HOUSEHOLDS, most_bans=0),
)
def provider(log) -> None:
    for number, address in enumerate(HOUSEHOLDS):
        log.register(START + number, address, str(1000 + number))
        for retry in range(10):
            log.unknown(START + HOUR + retry * MINUTE + number / 5, address, str(1000 + number))
        log.register(START + 2 * HOUR + number, address, str(1000 + number))


@scene(
    "a provider's customers slip, and log the first time of all of them",
    Expected(safe=HOUSEHOLDS, most_bans=0),
)
def first_customers(log) -> None:
    for number, address in enumerate(HOUSEHOLDS):
        at = START + number * 20
        log.wrong_password(at, address, str(1000 + number))
        log.wrong_password(at + 8, address, str(1000 + number))
        log.register(at + 30, address, str(1000 + number))


@scene(
    "thirty households are sent telephones with a wrong password",
    Expected(safe=HOUSEHOLDS, most_bans=0),
)
def wrong_telephones(log) -> None:
    log.register(START, OFFICE, "201")
    for number in range(30):
        for retry in range(60):
            at = START + number * MINUTE + retry * 2 * MINUTE
            log.wrong_password(at, household(number * 8), str(1000 + number))


@scene(
    "a provider's customers fail in a log that shows no success",
    Expected(safe=HOUSEHOLDS, most_bans=0),
)
def unseen(log) -> None:
    for number, address in enumerate(HOUSEHOLDS):
        for retry in range(3):
            log.wrong_password(START + number + retry * 300, address, str(1000 + number))


@scene(
    "a telephone with an old password, in another /64 of its carrier's every quarter of an hour",
    Expected(most_bans=0),
)
def on_the_move(log) -> None:
    log.register(START, OFFICE, "201")
    for number, where in enumerate(anywhere(96, "mobile")):
        for retry in range(3):
            at = START + 60 + number * 15 * MINUTE + retry * 5 * MINUTE
            log.wrong_password(at, f"{PROVIDER}:{where:x}::1", "305")
