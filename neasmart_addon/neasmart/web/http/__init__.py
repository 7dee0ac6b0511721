"""What every answer needs: bodies, problems, request ids, counters."""
