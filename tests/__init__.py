"""The tests of rotator."""
