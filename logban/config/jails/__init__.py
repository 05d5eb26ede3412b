# SPDX-License-Identifier: MIT
"""Jails: from files of ``jails.d`` to JailSettings."""
