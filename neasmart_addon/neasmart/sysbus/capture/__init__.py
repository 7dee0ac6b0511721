"""What went over the wire, for people. Imports all of the bus."""
