"""The life of a command, from the first hand to its end. Imports state."""
