"""The house that is simulated, its base and its people."""
