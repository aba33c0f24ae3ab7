"""How fast and how good: evaluations that users run on their own data, and so do we."""
