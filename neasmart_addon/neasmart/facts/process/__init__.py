"""What concerns the process itself: its command line, what it runs on, and what it can do without."""
