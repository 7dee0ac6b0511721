"""Begins and ends the parts by the settings, follows these, and stores them where they live. Imports all below cli."""
