# SPDX-License-Identifier: MIT
"""Who is never banned, whoever says so."""
