"""What a slave answers. Imports framing."""
