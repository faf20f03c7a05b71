"""Whole lives of key sets through the real commands: years, crashes, races, broken regions."""
