"""Judges the bus from plain values: statistics, patterns of bytes, verdicts. Imports facts."""
