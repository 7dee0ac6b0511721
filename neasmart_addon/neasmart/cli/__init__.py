"""What people start: one module for each command, and the command line that chooses it. Imports everything."""
