"""What others will read."""
