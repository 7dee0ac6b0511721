"""Begins and ends the parts as the settings say, and stores settings where they live. Imports everything but cli."""
