"""The description of the answers. Imports api and below."""
