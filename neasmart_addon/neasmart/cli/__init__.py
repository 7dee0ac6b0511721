"""One module for each command. Imports everything."""
