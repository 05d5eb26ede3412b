# SPDX-License-Identifier: MIT
"""Filters: from files of ``filters.d`` to a FilterDefinition."""
