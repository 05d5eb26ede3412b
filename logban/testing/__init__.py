# SPDX-License-Identifier: MIT
"""Fakes of what is handed in, for the tests of logban and of what is built on it."""

from logban.testing.actions import FakeEnforcer, FakeNotifier
from logban.testing.clock import FakeClock

__all__ = ["FakeClock", "FakeEnforcer", "FakeNotifier"]
