"""What is known: words, readings, walks, rooms, and who is told. Imports facts only."""
