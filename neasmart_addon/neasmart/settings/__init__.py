"""What the settings are, how they are read and judged. Imports facts only."""
