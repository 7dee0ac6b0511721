"""Who explains or accuses each served word."""
