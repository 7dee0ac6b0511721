"""The answers. Imports http and guard."""
