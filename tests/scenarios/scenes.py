# SPDX-License-Identifier: MIT
"""Scenes of a telephone system's day: who did what, and what is to come of it.

Each is written for the shipped configuration: nobody has tuned anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from programs import ChanSip, Kamailio, Log, Pjsip

START: Final = 1795132800.0
"""2026-11-20, midnight in UTC."""

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86400.0

OFFICE, HOTEL, CARRIER = "203.0.113.10", "203.0.113.77", "203.0.113.5"
ATTACKER = "198.51.100.66"


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to come of a scene.

    ``safe`` are addresses that no ban may reach, ``banned`` those that have to be, each with the
    seconds within which after its first line; ``held`` are users at an address that are to be
    suspended or at least reported; ``protected`` are users to be suspended for unknown addresses.
    ``quiet``: nothing at all is to happen.  ``most_bans``: how many bans there may be at the most.
    """

    safe: tuple[str, ...] = ()
    banned: dict[str, float] = field(default_factory=dict)
    held: tuple[tuple[str, str], ...] = ()
    protected: tuple[str, ...] = ()
    quiet: bool = False
    most_bans: int | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """A log, the jail that follows it, and what is expected."""

    name: str
    jail: str
    write: Callable[[], Log]
    expected: Expected


SCENES: list[Scene] = []


def beginning_of(place: str) -> str:
    """Give what the addresses of a place begin with, as they are written in a log."""
    address, _, prefix = place.partition("/")
    if ":" not in address:
        return address.removesuffix("0") if prefix else address
    if prefix and int(prefix) < 64:  # of the last word, what lies within the prefix
        address = address.removesuffix("00::").removesuffix(":")
    return address


def scene(
    name: str, expected: Expected, *programs: type[Log]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make scenes of a function that writes a log, one for each program."""

    def make(write: Callable[..., None]) -> Callable[..., None]:
        for program in programs or (Pjsip, ChanSip):
            title = f"{name} ({program.__name__})"
            jail = "kamailio" if program is Kamailio else "asterisk"

            def written(program: type[Log] = program, title: str = title) -> Log:
                log = program(title)
                write(log)
                return log

            SCENES.append(Scene(title, jail, written, expected))
        return write

    return make


# Customers


@scene("a quiet office", Expected(quiet=True))
def quiet_office(log) -> None:
    for phone in range(20):
        for hour in range(24):
            log.register(START + hour * HOUR + phone * 31, OFFICE, str(201 + phone))


@scene(
    "an office of twenty phones, one with an old password",
    Expected(safe=(OFFICE,), held=(("207", OFFICE),)),
)
def stale_phone(log) -> None:
    for phone in range(20):
        for hour in range(24):
            if phone != 6:
                log.register(START + hour * HOUR + phone * 170, OFFICE, str(201 + phone))
    for number in range(24 * 60):
        log.wrong_password(START + 5 + number * MINUTE, OFFICE, "207")


@scene(
    "an old password, before any other phone of the office is heard of",
    Expected(safe=(OFFICE,), held=(("207", OFFICE),)),
)
def stale_phone_first(log) -> None:
    for number in range(6 * 60):
        log.wrong_password(START + number * MINUTE, OFFICE, "207")
    for phone in range(10):
        for half in range(10):
            log.register(START + 50 * MINUTE + half * HOUR / 2 + phone, OFFICE, str(301 + phone))


@scene(
    "an old password, tried every twenty seconds",
    Expected(safe=(OFFICE,), held=(("207", OFFICE),)),
)
def eager_stale_phone(log) -> None:
    for phone in range(12):
        for time in range(0, int(8 * HOUR), 600):
            log.register(START + time + phone, OFFICE, str(301 + phone))
    for number in range(8 * 180):
        log.wrong_password(START + 60 + number * 20, OFFICE, "207")


@scene("fifty phones start behind one address", Expected(quiet=True))
def morning(log) -> None:
    for phone in range(50):
        log.challenge(START + phone * 0.05, OFFICE, str(400 + phone))
        log.register(START + 1 + phone * 0.2, OFFICE, str(400 + phone))


@scene(
    "fifty phones start behind one address, three of them with a wrong password",
    Expected(safe=(OFFICE,)),
)
def morning_with_mistakes(log) -> None:
    for phone in range(50):
        if phone in (7, 20, 33):
            for retry in range(30):
                log.wrong_password(START + phone * 0.2 + retry * 2 * MINUTE, OFFICE, f"4{phone:02}")
        else:
            log.register(START + 1 + phone * 0.2, OFFICE, f"4{phone:02}")


@scene("first requests come without credentials", Expected(quiet=True))
def challenges(log) -> None:
    for number in range(600):
        log.challenge(START + number * 3, OFFICE, str(201 + number % 40))


@scene("a guest mistypes his password three times", Expected(quiet=True))
def guest(log) -> None:
    for number in range(3):
        log.wrong_password(START + number * 25, HOTEL, "305")
    log.register(START + 100, HOTEL, "305")


@scene("two slips an hour for a whole day", Expected(safe=(HOTEL,)))
def slips(log) -> None:
    for hour in range(24):
        log.wrong_password(START + hour * HOUR, HOTEL, "305")
        log.wrong_password(START + hour * HOUR + 40, HOTEL, "305")
        log.register(START + hour * HOUR + 90, HOTEL, "305")


@scene("two slips an hour, from one who never gets in", Expected(safe=(HOTEL,)))
def slips_only(log) -> None:
    for hour in range(24):
        log.wrong_password(START + hour * HOUR, HOTEL, "305")
        log.wrong_password(START + hour * HOUR + 40, HOTEL, "305")


@scene(
    "a password is changed and the phone at home not told",
    Expected(safe=(HOTEL,), held=(("305", HOTEL),)),
)
def changed_password(log) -> None:
    for time in range(0, int(6 * HOUR), 300):
        log.register(START + time, HOTEL, "305")
    for time in range(0, int(16 * HOUR), 60):
        log.wrong_password(START + 6 * HOUR + time, HOTEL, "305")


@scene("a new phone in an office, mistyped a few times", Expected(safe=(OFFICE,)))
def new_phone(log) -> None:
    for time in range(0, int(4 * HOUR), 600):
        for phone in range(10):
            log.register(START + time + phone, OFFICE, str(201 + phone))
    for number in range(6):
        log.wrong_password(START + 2 * HOUR + number * 30, OFFICE, "215")
    log.register(START + 2 * HOUR + 200, OFFICE, "215")


@scene("a customer on the road with IPv6", Expected(quiet=True))
def roaming(log) -> None:
    for number in range(200):
        address = f"2001:db8:7:{number:x}::{number + 1:x}"
        log.register(START + number * 300, address, "305")


@scene("a carrier brings calls to numbers that are gone", Expected(quiet=True))
def carrier(log) -> None:
    for number in range(300):
        log.guest_call(START + number * 90, CARRIER, f"+4930123{number:04}", "carrier")


@scene("a carrier asks every half minute whether anybody is there", Expected(quiet=True), Pjsip)
def keep_alive(log) -> None:
    for number in range(2000):
        log.unknown(START + number * 30, CARRIER, "ping", "OPTIONS")


@scene("the users' database is away for two minutes", Expected(safe=(OFFICE, HOTEL)))
def no_database(log) -> None:
    for phone in range(40):
        for time in range(0, int(2 * HOUR), 900):
            log.register(START + time + phone, OFFICE, str(201 + phone))
        for time in range(0, 120, 20):
            log.unknown(START + 2 * HOUR + time + phone * 0.4, OFFICE, str(201 + phone))
        log.register(START + 2 * HOUR + 140 + phone, OFFICE, str(201 + phone))
    log.register(START, HOTEL, "305")
    for time in range(0, 120, 20):
        log.unknown(START + 2 * HOUR + time, HOTEL, "305")


# Attackers


@scene("a password is guessed by force", Expected(banned={ATTACKER: 10}))
def brute_force(log) -> None:
    for number in range(200):
        log.wrong_password(START + number * 0.4, ATTACKER, "201")


@scene("a password is guessed by force, two tries a second", Expected(banned={ATTACKER: 10}))
def patient_force(log) -> None:
    for number in range(100):
        log.wrong_password(START + number * 0.5, ATTACKER, "admin")


@scene("extensions are scanned", Expected(banned={ATTACKER: 10}))
def extension_scan(log) -> None:
    for number in range(300):
        log.unknown(START + number, ATTACKER, str(100 + number))


@scene("extensions are scanned at a walk", Expected(banned={ATTACKER: 9 * 45}))
def slow_extension_scan(log) -> None:
    for number in range(100):
        log.unknown(START + number * 45, ATTACKER, str(100 + number))


@scene(
    "a password is guessed behind requests that are harmless",
    Expected(banned={ATTACKER: 30}),
    Pjsip,
)
def disguised_force(log) -> None:
    for number in range(60):
        call, at = log.hexadecimal(16), START + number * 2
        for step, method in enumerate(("OPTIONS", "REGISTER", "REGISTER")):
            why = "No matching endpoint found" if method == "OPTIONS" else "Failed to authenticate"
            log.failed(at + step * 0.1, ATTACKER, 5060, "201", call, why, method)


@scene("one try every four minutes", Expected(banned={ATTACKER: DAY}))
def slow_force(log) -> None:
    for number in range(360):
        log.wrong_password(START + number * 4 * MINUTE, ATTACKER, "201")


@scene("one try every four minutes, another user each time", Expected(banned={ATTACKER: DAY / 2}))
def slow_scan(log) -> None:
    for number in range(360):
        log.unknown(START + number * 4 * MINUTE, ATTACKER, str(100 + number))


@scene(
    "one account from three hundred addresses",
    Expected(safe=(OFFICE,), protected=("201",), most_bans=30),
)
def distributed(log) -> None:
    for time in range(0, int(3 * HOUR), 300):
        log.register(START + time, OFFICE, "201")
    for number in range(300):
        address = f"198.51.{100 + number // 100}.{(number * 37) % 250 + 1}"
        log.wrong_password(START + HOUR + number * 10, address, "201")


@scene("an attacker in a customer's network", Expected(held=(), banned={OFFICE: 4 * HOUR}))
def inside(log) -> None:
    for time in range(0, int(2 * HOUR), 300):
        for phone in range(5):
            log.register(START + time + phone, OFFICE, str(201 + phone))
    for number in range(500):
        log.wrong_password(START + 2 * HOUR + number, OFFICE, str(206 + number))


@scene(
    "an attacker in a customer's network tries the user of a phone there by force",
    Expected(safe=(OFFICE,), held=(("203", OFFICE),)),
)
def inside_one_user(log) -> None:
    for time in range(0, int(2 * HOUR), 300):
        for phone in range(5):
            log.register(START + time + phone, OFFICE, str(201 + phone))
    for number in range(1000):
        log.wrong_password(START + HOUR + number, OFFICE, "203")


@scene("somebody forges packets in the name of an office", Expected(safe=(OFFICE,)), Pjsip)
def spoofed(log) -> None:
    for time in range(0, int(2 * HOUR), 300):
        for phone in range(5):
            log.register(START + time + phone, OFFICE, str(201 + phone))
    for number in range(2000):
        log.unknown(START + HOUR + number, OFFICE, str(1000 + number), "INVITE")


@scene(
    "one try every fifty minutes, another user each time",
    Expected(banned={ATTACKER: DAY}, safe=(OFFICE,)),
)
def leisurely_scan(log) -> None:
    for hour in range(24):
        log.register(START + hour * HOUR, OFFICE, "201")
    for number in range(28):
        log.unknown(START + 60 + number * 50 * MINUTE, ATTACKER, str(100 + number))


@scene("a guest calls a premium number every quarter of an hour", Expected(banned={ATTACKER: 6000}))
def seldom_toll_fraud(log) -> None:
    for number in range(80):
        prefix = ("00", "011", "900", "0000", "+")[number % 5]
        log.guest_call(START + number * 15 * MINUTE, ATTACKER, f"{prefix}97259{number:07}")


@scene(
    "guests call premium numbers",
    Expected(banned={ATTACKER: 30}),
)
def toll_fraud(log) -> None:
    for number in range(40):
        prefix = ("00", "011", "900", "0000", "+")[number % 5]
        log.guest_call(START + number * 5, ATTACKER, f"{prefix}97259{number:07}")


@scene("an attacker hops in his /64", Expected(banned={"2001:db8:bad:1::/64": 20}))
def hopping(log) -> None:
    for number in range(300):
        log.unknown(START + number * 0.5, f"2001:db8:bad:1::{number + 1:x}", str(100 + number))


@scene(
    "a site and a scanner at once",
    Expected(safe=(OFFICE, HOTEL), banned={ATTACKER: 10}, held=(("207", OFFICE),)),
)
def both(log) -> None:
    for time in range(0, int(HOUR), 120):
        for phone in range(10):
            log.register(START + time + phone, OFFICE, str(201 + phone + (phone > 5)))
        log.wrong_password(START + time + 60, OFFICE, "207")
    log.wrong_password(START + 600, HOTEL, "305")
    log.wrong_password(START + 640, HOTEL, "305")
    for number in range(600):
        log.unknown(START + 900 + number * 0.8, ATTACKER, str(100 + number))


@scene("many hosts of one network, a few tries each", Expected(banned={"198.51.100.0/24": HOUR}))
def network(log) -> None:
    for number in range(400):
        log.unknown(START + number * 5, f"198.51.100.{number % 100 + 1}", str(100 + number))


@scene(
    "many hosts of one network, a customer among them",
    Expected(
        safe=("198.51.100.200",),
        banned={"198.51.100.1": 600, "198.51.100.25": 600, "198.51.100.40": 600},
    ),
)
def network_with_a_customer(log) -> None:
    log.register(START, "198.51.100.200", "201")
    for number in range(200):
        address = f"198.51.100.{number % 40 + 1}"
        log.unknown(START + 60 + number * 10, address, str(300 + number))


@scene("the manager interface is tried", Expected(banned={ATTACKER: 10}), Pjsip)
def manager(log) -> None:
    for number in range(50):
        log.manager(START + number, ATTACKER, "admin")


# Kamailio


@scene("a password is guessed by force", Expected(banned={ATTACKER: 10}), Kamailio)
def kamailio_force(log) -> None:
    for number in range(200):
        log.wrong_password(START + number * 0.4, ATTACKER, "201")


@scene("users are scanned", Expected(banned={ATTACKER: 10}), Kamailio)
def kamailio_scan(log) -> None:
    for number in range(300):
        log.unknown(START + number, ATTACKER, str(100 + number))


@scene("a guest mistypes his password three times", Expected(quiet=True), Kamailio)
def kamailio_guest(log) -> None:
    for number in range(3):
        log.wrong_password(START + number * 25, HOTEL, "305")


@scene("one try every four minutes", Expected(banned={ATTACKER: DAY}), Kamailio)
def kamailio_slow(log) -> None:
    for number in range(360):
        log.wrong_password(START + number * 4 * MINUTE, ATTACKER, "201")
