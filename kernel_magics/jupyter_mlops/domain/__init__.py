"""When something may happen, decided from values alone."""
