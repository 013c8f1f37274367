"""What is tried on a version before anyone decides; all of it in a fresh process with limits."""
