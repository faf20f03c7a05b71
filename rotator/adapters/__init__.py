"""The outside world behind the ports; no module here imports another."""
