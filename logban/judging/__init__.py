# SPDX-License-Identifier: MIT
"""Judging: is it enough, and is this subject exempt?"""
