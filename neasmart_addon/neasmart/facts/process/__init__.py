"""What concerns the process itself: its command line and terminal, what it runs on, and what it can do without."""
