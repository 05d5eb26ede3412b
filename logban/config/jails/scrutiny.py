# SPDX-License-Identifier: MIT
"""How a jail looks at failures: from its keys, and from what its filter tells, to a Scrutiny."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from logban.config.files.text import joined
from logban.config.jails import judging, judging_table
from logban.config.jails.values import JailValues
from logban.config.problem import did_you_mean, error, warning
from logban.matching.definition import FilterDefinition, Rule
from logban.policy.plan import Plan, compares_names
from logban.policy.scrutiny import Limit, Scrutiny, Style, Unit


def read_scrutiny(values: JailValues, definition: FilterDefinition | None) -> Scrutiny | None:
    """Give how failures are looked at; None where they are only counted."""
    rules = definition.rules if definition is not None else ()
    style = values.get(judging_table.JUDGING)
    tells = any(rule.kind or rule.success or rule.weight is not None for rule in rules)
    if style is Style.PLAIN or (style is Style.AUTO and not tells):
        return None
    limits = {
        name: Limit(values.get(each.maxretry), values.get(each.findtime), values.get(each.bantime))
        for name, each in judging_table.LIMITS.items()
    }
    count_by = values.get(judging_table.COUNT_BY)
    asked = values.scope.find(judging_table.LIMITS["user-ip"].maxretry.name) is not None
    return Scrutiny(
        frozenset(count_by or Unit),
        user_ip=limits["user-ip"],
        user=limits["user"],
        net=limits["net"],
        net48=limits["net48"],
        slow=limits["slow"],
        trust=values.get(judging_table.TRUST),
        weights=_weights(values, rules),
        plan=_plan(values),
        always_user_ip=Unit.USER_IP in count_by or (asked and not count_by),
        asks_for_extensions=judging.AMI in values.get(judging_table.EXTENSIONS),
    )


def _weights(values: JailValues, rules: Sequence[Rule]) -> dict[str, float]:
    """Give the weights that the jail sets, and those of the filter's rules beside them.

    What [DEFAULT] says may be of other filters.
    """
    known = {name for rule in rules for name in (rule.kind, rule.name)}
    weights: dict[str, float] = {}
    for key in dict.fromkeys(values.scope.names()):
        name = key.removeprefix(judging_table.WEIGHT_PREFIX)
        value = values.scope.find(key)
        if name == key or value is None:
            continue
        if name not in known:
            if key in values.section.values:
                message = f"the filter has neither a kind nor a rule {name!r}"
                hint = did_you_mean(name, known - {""})
                values.problems.append(error(values.at(value.origin), message, hint))
            continue
        text = joined(values.lines(key) or ())
        weights[name] = values.parsed(judging_table.WEIGHT, text, value.origin, 1.0)
    of_filter = {
        rule.name: rule.weight
        for rule in rules
        if rule.weight is not None and rule.kind not in weights
    }
    return of_filter | weights


def _plan(values: JailValues) -> Plan | None:
    """Give the numbering plan, with what its files hold."""
    value = values.scope.find(judging_table.EXTENSIONS.name)
    if value is None:
        return None
    entries: list[str] = []
    for entry in values.get(judging_table.EXTENSIONS):
        if entry == judging.AMI:
            continue  # asked for while the daemon runs
        if not entry.startswith(judging.FILE):
            entries.append(entry)
            continue
        path = entry.removeprefix(judging.FILE)
        if not values.check_file(Path(path), value.origin):
            continue
        try:
            entries += judging.extensions_in(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as failure:
            why = failure.strerror if isinstance(failure, OSError) else failure
            message = f"{judging_table.EXTENSIONS.name}: {path}: {why}"
            values.problems.append(error(values.at(value.origin), message))
    if not compares_names() and not all(any(map(str.isdigit, entry)) for entry in entries):
        message = "names among the extensions are compared letter by letter"
        hint = "install python3-rapidfuzz, or logban[plan], for those that are alike"
        values.problems.append(warning(values.at(value.origin), message, hint))
    return Plan.parse(entries) if entries else None
