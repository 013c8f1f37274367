"""The whole workspace in one file, and back out of it."""
