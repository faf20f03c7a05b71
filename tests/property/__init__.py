"""Parsers and laws over generated values."""
