# SPDX-License-Identifier: MIT
"""The ``iptables`` action: static rules on two sets of ipset."""
