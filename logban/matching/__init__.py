# SPDX-License-Identifier: MIT
"""Matching: who did what, according to this line?"""
