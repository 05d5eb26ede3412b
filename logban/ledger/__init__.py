# SPDX-License-Identifier: MIT
"""The ledger: what must be in force now?"""
