# SPDX-License-Identifier: MIT
"""The ``nftables`` action: a chain and timed sets of its own in the kernel."""
