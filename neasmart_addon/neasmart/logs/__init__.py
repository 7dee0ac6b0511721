"""How log lines look and where they go. Imports settings and below."""
