"""The trained classifiers: linear models over hashed character n-grams; numbers only, no vocabulary."""
