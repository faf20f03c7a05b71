"""Decides, and does nothing: pure functions of policy, inventory and now. No I/O, no clock, no randomness."""
