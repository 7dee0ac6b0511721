"""The files themselves: database, lock, faults."""
