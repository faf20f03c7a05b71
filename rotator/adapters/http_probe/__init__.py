"""A look at a public URL as a verifier without manners would take it, except that it cannot be held up or flooded.

Each look is a connection of its own. Redirects are reported, not followed. Proxies named in the environment are not
used: what a proxy keeps is not what the region serves. A body that comes compressed although `identity` was asked for
stays as it came and will not parse: verifiers that ask the same way (PyJWT does) could not read it either.
"""

from rotator.adapters.http_probe.probe import HttpProbe

__all__ = ["HttpProbe"]
