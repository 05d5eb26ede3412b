# SPDX-License-Identifier: MIT
"""Laying the ledger's bans on again with nothing else running: before the network is up at boot."""

from __future__ import annotations

import logging

from logban.actions import catalogue
from logban.actions.protocols import Enforcer, Selective
from logban.clock import Clock
from logban.config.settings import Configuration
from logban.errors import LogbanError
from logban.ledger.records import Stored

log = logging.getLogger(__name__)


def restore(configuration: Configuration, stored: Stored, clock: Clock) -> int:
    """Put the bans in force that the kernel keeps; give how many actions could not.

    What is in force stays so, and what other places keep is left to the daemon.
    """
    failed = 0
    for name, settings in configuration.jails.items():
        bans = [ban for ban in stored.active if ban.jail == name]
        for spec in settings.actions:
            if catalogue.place_of(spec) is None:
                continue
            enforcer = catalogue.build(spec, clock)
            if not isinstance(enforcer, Enforcer):
                continue
            taken = bans
            if isinstance(enforcer, Selective):
                taken = [ban for ban in bans if enforcer.takes(ban.subject)]
            try:
                enforcer.prepare()
                enforcer.apply(taken)
                enforcer.close()
            except LogbanError as error:
                log.error("[%s] action %s: %s", name, spec.written, error)  # noqa: TRY400  # the sentence says it all
                failed += 1
            else:
                log.info("[%s] action %s: %d bans are in force", name, spec.written, len(taken))
    return failed
