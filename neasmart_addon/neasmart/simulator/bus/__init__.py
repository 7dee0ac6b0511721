"""The wire that is simulated, with its noise and damage."""
