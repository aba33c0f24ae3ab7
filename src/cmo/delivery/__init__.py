"""Changing how questions are answered, and letting the evidence decide: assignment, evidence, gates, rollout."""
