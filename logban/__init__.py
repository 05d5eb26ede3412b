# SPDX-License-Identifier: MIT
"""logban: a log-watching ban service for telephone systems."""

__version__ = "0.1.0"
