# SPDX-License-Identifier: MIT
"""A program for the system's Python: how fail2ban itself reads its filters.

In: a JSON list of [name, parameters].  Out: a JSON list of {key: [lines]}, or of null where
fail2ban cannot read the filter.
"""

from __future__ import annotations

import json
import logging
import sys

from fail2ban.client.filterreader import FilterReader

KEYS = ("failregex", "ignoreregex", "prefregex", "datepattern", "maxlines")


def reading(name: str, parameters: dict[str, str]) -> dict[str, list[str]] | None:
    """Read one filter of /etc/fail2ban."""
    reader = FilterReader(name, "jail", parameters, basedir="/etc/fail2ban")
    reader.read()
    try:
        reader.getOptions({})
        found = reader.getCombined()
    except Exception:  # noqa: BLE001 - whatever it raises, it could not read the filter
        return None
    texts = {key: str(found[key]).split("\n") for key in KEYS if found.get(key) is not None}
    return {key: [line for line in lines if line] for key, lines in texts.items()}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    json.dump([reading(*wanted) for wanted in json.load(sys.stdin)], sys.stdout)
