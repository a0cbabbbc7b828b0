"""What people decide, and what the classifiers learn from it."""
