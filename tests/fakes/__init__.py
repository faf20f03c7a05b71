"""Fakes behind the ports; no test patches anything."""
