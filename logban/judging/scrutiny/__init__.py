# SPDX-License-Identifier: MIT
"""Judging with scrutiny: who is charged with a failure, what it weighs, who is a customer."""
