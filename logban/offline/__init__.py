# SPDX-License-Identifier: MIT
"""Filters and jails over old logs, with no effect on anything."""
