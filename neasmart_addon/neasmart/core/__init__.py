"""The house as it is known, and the rules of commands; no I/O, and time is an argument. Imports facts and diagnosis."""
