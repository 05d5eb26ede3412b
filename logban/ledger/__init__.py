# SPDX-License-Identifier: MIT
"""The ledger knows what must be in force now."""
