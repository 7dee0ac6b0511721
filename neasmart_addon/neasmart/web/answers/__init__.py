"""What the interfaces answer: the shapes, and how they follow from the gateway's state. Imports the core alone."""
