# SPDX-License-Identifier: MIT
"""Configuration: tells what the admin wrote, and where."""

from logban.config.filters import FilterReading, load_filter
from logban.config.loading import load

__all__ = ["FilterReading", "load", "load_filter"]
