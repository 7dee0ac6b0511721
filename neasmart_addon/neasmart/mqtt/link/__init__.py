"""The connection to the broker. Imports messages."""
