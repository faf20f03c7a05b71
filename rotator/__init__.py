"""rotator: JWT signing-key rotation that never rejects a valid token."""

__version__ = "0.1.0"
