"""What is known before anything happens: the table, codecs, statuses, errors, clocks. Imports nothing of ours."""
