# SPDX-License-Identifier: MIT
"""How a jail judges, as its file says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from logban.config import load
from logban.config.settings import JailSettings
from logban.policy.plan import Plan
from logban.policy.scrutiny import Limit, Scrutiny, Unit

FILTER = """
[Definition]
[rule password]
kind = wrong-password
failregex = ^password <F-USER>\\S+</F-USER> from <HOST>$
[rule scanner]
failregex = ^scanner <HOST>$
"""
PLAIN = "[Definition]\nfailregex = ^refused <HOST>$\n"


def jail(
    directory: Path, *lines: str, filter_text: str = FILTER, default: str = ""
) -> JailSettings:
    found = read(directory, *lines, filter_text=filter_text, default=default)
    assert isinstance(found, JailSettings), found
    return found


def read(
    directory: Path, *lines: str, filter_text: str = FILTER, default: str = ""
) -> JailSettings | str:
    """Give the jail; what is wrong with it if it can't run."""
    for folder in ("jails.d", "filters.d"):
        (directory / folder).mkdir(exist_ok=True)
    (directory / "filters.d" / "pbx.conf").write_text(filter_text)
    text = [default, "[pbx]", "enabled = yes", "filter = pbx", "logpath = /var/log/pbx", *lines]
    (directory / "jails.d" / "pbx.conf").write_text("\n".join(text) + "\n")
    configuration = load(directory)
    if "pbx" in configuration.jails:
        return configuration.jails["pbx"]
    return "\n".join(map(str, configuration.failed["pbx"]))


def test_a_filter_that_tells_kinds_is_looked_at_and_one_that_does_not_is_counted(
    tmp_path: Path,
) -> None:
    assert jail(tmp_path).scrutiny == Scrutiny()
    assert jail(tmp_path, "judging = plain").scrutiny is None
    assert jail(tmp_path, filter_text=PLAIN).scrutiny is None
    assert jail(tmp_path, "judging = full", filter_text=PLAIN).scrutiny == Scrutiny()


def test_everything_can_be_set(tmp_path: Path) -> None:
    found = jail(
        tmp_path,
        "trust = 0",
        "count_by = ip, user-ip",
        "user-ip.maxretry = 3",
        "user-ip.findtime = 15m",
        "user-ip.bantime = 20m",
        "net.maxretry = 40",
        "net48.findtime = 1d",
        "slow.bantime = forever",
        "weight.wrong-password = 0.5",
        "weight.scanner = 5",
        "extensions = 7XX, 2000-2999",
        "   reception",
    ).scrutiny
    assert found == Scrutiny(
        count_by=frozenset({Unit.IP, Unit.USER_IP}),
        user_ip=Limit(3, 900.0, 1200.0),
        net=Limit(40, 3600.0, 86400.0),
        net48=Limit(48, 86400.0, 86400.0),
        slow=Limit(100, 86400.0, None),
        trust=0.0,
        weights={"wrong-password": 0.5, "scanner": 5.0},
        plan=Plan.parse(["7XX", "2000-2999", "reception"]),
        always_user_ip=True,
    )


def test_users_at_every_address_are_counted_where_a_jail_asks_for_it(tmp_path: Path) -> None:
    for line in ("user-ip.maxretry = 3", "count_by = user-ip"):
        found = jail(tmp_path, line).scrutiny
        assert found is not None
        assert found.always_user_ip
    found = jail(tmp_path, "count_by = ip", "user-ip.maxretry = 3").scrutiny
    assert found is not None
    assert not found.always_user_ip


def test_extensions_may_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "extensions"
    path.write_text("# ours\n201, 202\n7XX # and these\n")
    found = jail(tmp_path, f"extensions = @{path}, 300").scrutiny
    assert found is not None
    assert found.plan == Plan.parse(["201", "202", "7XX", "300"])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("extensions = ari", "Asterisk is asked for its extensions with `ami`"),
        ("extensions = @/nowhere/at/all", "extensions: /nowhere/at/all: No such file"),
        ("extensions = 2999-2000", "no range of numbers"),
        ("weight.wrong-pasword = 2", "did you mean 'wrong-password'?"),
        ("weight.wrong-password = -1", "not between 0 and 250"),
        ("count_by = ip, customers", "not all of ip, user-ip, user, net"),
        ("judging = fair", "allowed: auto, plain, full"),
        ("user-ip.action = kamailio-userbam", "did you mean 'kamailio-userban'?"),
    ],
)
def test_what_is_refused(tmp_path: Path, line: str, said: str) -> None:
    found = read(tmp_path, line)
    assert isinstance(found, str)
    assert said in found
    assert "pbx.conf:6" in found


def test_a_weight_in_default_may_be_of_another_filter(tmp_path: Path) -> None:
    default = "[DEFAULT]\nweight.wrong-password = 2\nweight.another = 3\n"
    found = jail(tmp_path, default=default).scrutiny
    assert found is not None
    assert found.weights == {"wrong-password": 2.0}


def test_actions_for_one_kind_of_subject_alone(tmp_path: Path) -> None:
    found = jail(tmp_path, "user-ip.action = kamailio-userban", "net.action = sendmail")
    assert [(spec.type_name, spec.only) for spec in found.actions] == [
        ("nftables", ""),
        ("kamailio-userban", "user-ip"),
        ("email", "net"),
    ]


WEIGHED = FILTER.replace("kind = wrong-password\n", "kind = wrong-password\nweight = 2.5\n")


def test_a_rule_of_the_filter_may_say_its_weight(tmp_path: Path) -> None:
    found = jail(tmp_path, filter_text=WEIGHED).scrutiny
    assert found is not None
    assert found.weights == {"password": 2.5}
    # What the jail says counts more, of the rule or of its kind.
    for line, weights in (
        ("weight.password = 0", {"password": 0.0}),
        ("weight.wrong-password = 3", {"wrong-password": 3.0}),
        ("weight.scanner = 4", {"password": 2.5, "scanner": 4.0}),
    ):
        found = jail(tmp_path, line, filter_text=WEIGHED).scrutiny
        assert found is not None
        assert found.weights == weights


def test_a_filter_that_tells_weights_is_looked_at(tmp_path: Path) -> None:
    text = "[Definition]\n[rule scan]\nweight = 0.5\nfailregex = ^scan <HOST>$\n"
    found = jail(tmp_path, filter_text=text).scrutiny
    assert found is not None
    assert found.weights == {"scan": 0.5}
    assert jail(tmp_path, "judging = plain", filter_text=text).scrutiny is None


@pytest.mark.parametrize("weight", ["-1", "251", "nan", "inf", "much", "1e9", "-0.0001"])
def test_no_weight_is_negative_nor_beyond_bounds(tmp_path: Path, weight: str) -> None:
    found = read(tmp_path, filter_text=WEIGHED.replace("2.5", weight))
    assert isinstance(found, str)
    assert f"filters.d/pbx.conf:5: weight: '{weight}': it is no" in found


def test_a_rule_of_no_failure_needs_no_weight(tmp_path: Path) -> None:
    text = FILTER + "[rule in]\nweight = 2\nsuccessregex = ^in <HOST>$\n"
    jail(tmp_path, filter_text=text)
    (problem,) = load(tmp_path).warnings
    assert str(problem) == (
        "filters.d/pbx.conf:9: weight: [rule in] tells of no failure; take the line out"
    )
