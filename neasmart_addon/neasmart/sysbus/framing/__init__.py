"""From bytes to frames and back. Imports nothing else of the bus."""
