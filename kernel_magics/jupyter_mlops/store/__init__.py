"""What is remembered, and in what shape."""
