# SPDX-License-Identifier: MIT
"""What the admin has decided, as the configuration has read it and the judgement uses it."""
