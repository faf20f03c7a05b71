"""Libraries that verifiers use, against what rotator publishes."""
