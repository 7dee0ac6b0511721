"""Connections: opened, judged, kept and told of. Imports framing, slave and transport."""
