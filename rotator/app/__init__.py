"""Use cases: ports in, values out."""
