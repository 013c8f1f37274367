"""The audit log in one file, which anybody can verify without us."""
