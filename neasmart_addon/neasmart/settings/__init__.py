"""What the settings are, how they are read, judged and followed. Imports core and below."""
