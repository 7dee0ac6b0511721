"""The rooms of the owner in their own file. Imports files."""
