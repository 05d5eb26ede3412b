# SPDX-License-Identifier: MIT
"""Further scenes, found by asking what else an operator of telephones would think of."""

from __future__ import annotations

from programs import Container, Pjsip
from scenes import (
    ATTACKER,
    CARRIER,
    DAY,
    HOTEL,
    HOUR,
    MINUTE,
    OFFICE,
    START,
    Expected,
    scene,
)

POOL = "100.64.9"
"""A mobile carrier's pool, from which customers come with another address each time."""

MONITORS = "203.0.113.9"


def open_office(log, hours: int = 3) -> None:
    for phone in range(20):
        for half in range(2 * hours):
            log.register(START + half * HOUR / 2 + phone * 20, OFFICE, str(201 + phone))


# Customers


@scene("a telephone that can't do TLS, in an office", Expected(safe=(OFFICE,), most_bans=0))
def broken_tls(log) -> None:
    open_office(log)
    for number in range(360):
        log.broken_tls(START + HOUR + number * 20, OFFICE)


@scene("a health check that breaks TLS off every ten seconds", Expected(quiet=True))
def health_check(log) -> None:
    for number in range(2000):
        log.broken_tls(START + number * 10, MONITORS)


@scene("two monitors behind one address ask whether anybody is there", Expected(quiet=True), Pjsip)
def two_monitors(log) -> None:
    for number in range(240):
        log.unknown(START + number * MINUTE, MONITORS, "nagios", "OPTIONS")
        log.unknown(START + number * MINUTE + 9, MONITORS, "zabbix", "OPTIONS")


@scene("customers of a mobile network slip twice and get in", Expected(most_bans=0))
def mobile_pool(log) -> None:
    for number in range(200):
        address, user, time = f"{POOL}.{number + 20}", str(400 + number), START + number * 40
        if number % 3 == 0:
            log.wrong_password(time, address, user)
            log.wrong_password(time + 12, address, user)
        log.register(time + 25, address, user)


@scene("the colleagues of an office slip at the begin of a shift", Expected(quiet=True))
def shift(log) -> None:
    for phone in range(60):
        log.register(START + phone, OFFICE, str(301 + phone))
    for phone in range(60):
        time = START + 16 * HOUR + phone * 5
        log.wrong_password(time, OFFICE, str(301 + phone))
        log.wrong_password(time + 8, OFFICE, str(301 + phone))
        log.register(time + 20, OFFICE, str(301 + phone))


@scene(
    "an extension is given another number and its telephone not told",
    Expected(safe=(OFFICE,), held=(("207", OFFICE),)),
)
def renamed(log) -> None:
    open_office(log)
    for number in range(5 * 60):
        log.unknown(START + 3 * HOUR + number * MINUTE, OFFICE, "207")


@scene("a user on the road, with another address every ten minutes", Expected(most_bans=0))
def on_the_road(log) -> None:
    for number in range(100):
        address = f"100.{64 + number % 50}.{number}.7"
        log.wrong_password(START + number * 10 * MINUTE, address, "205")
        log.register(START + number * 10 * MINUTE + 20, address, "205")


@scene(
    "somebody forges packets in the name of a trunk that is known by its address",
    Expected(safe=(CARRIER,)), Pjsip,
)  # fmt: skip
def forged_trunk(log) -> None:
    for number in range(10):
        log.guest_call(START + number * MINUTE, CARRIER, f"+4930123{number:04}", "carrier")
    for number in range(200):
        time, user = START + HOUR + number * 0.2, str(1000 + number)
        log.failed(
            time, CARRIER, log.port(), user, log.hexadecimal(16), "No matching endpoint found"
        )


# Attackers


@scene("a password is guessed, and others are tried from there", Expected(banned={ATTACKER: 60}))
def lucky(log) -> None:
    for number in range(4):
        log.wrong_password(START + number, ATTACKER, "201")
    log.register(START + 5, ATTACKER, "201")
    for number in range(200):
        log.wrong_password(START + 6 + number / 2, ATTACKER, str(202 + number % 50))


@scene("four tries, ten minutes of rest, and again", Expected(banned={ATTACKER: DAY}))
def patient(log) -> None:
    for round_ in range(100):
        for number in range(4):
            log.wrong_password(START + round_ * 601 + number * 3, ATTACKER, "201")


@scene(
    "one password for many accounts, one every ten minutes",
    Expected(safe=(OFFICE,), banned={ATTACKER: DAY}),
)
def spray(log) -> None:
    open_office(log)
    for number in range(120):
        log.wrong_password(START + number * 10 * MINUTE, ATTACKER, str(200 + number))


@scene(
    "somebody with an account of his own tries those of others",
    Expected(safe=(OFFICE,), banned={HOTEL: 2 * MINUTE}),
)
def insider(log) -> None:
    open_office(log)
    for number in range(6):
        log.register(START + number * 20 * MINUTE, HOTEL, "401")
    for number in range(600):
        log.wrong_password(START + HOUR + number / 2, HOTEL, "201")


@scene(
    "a site and a scanner at once, in a container",
    Expected(safe=(OFFICE,), banned={ATTACKER: 10}, held=(("207", OFFICE),)), Container,
)  # fmt: skip
def contained(log) -> None:
    open_office(log)
    for number in range(120):
        log.wrong_password(START + HOUR + number * MINUTE, OFFICE, "207")
    for number in range(100):
        log.unknown(START + 2 * HOUR + number, ATTACKER, str(100 + number))


@scene("a password is guessed by force", Expected(banned={ATTACKER: 10}), Container)
def contained_force(log) -> None:
    for number in range(100):
        log.wrong_password(START + number / 2, ATTACKER, "201")


@scene("extensions are scanned", Expected(banned={ATTACKER: 10}), Container)
def contained_scan(log) -> None:
    for number in range(100):
        log.unknown(START + number, ATTACKER, str(100 + number))


@scene(
    "a stolen password is tried with calls abroad, which are refused",
    Expected(safe=(OFFICE,), held=(("207", OFFICE),), most_bans=0),
)
def stolen(log) -> None:
    open_office(log)
    for number in range(20):
        log.guest_call(START + HOUR + number * 7, OFFICE, f"00972591234{number:03}", "207")
