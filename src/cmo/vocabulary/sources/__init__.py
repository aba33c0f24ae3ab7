"""Readers of vocabularies as their projects publish them, one file format each."""
