"""The record: papers, versions, sentences and chunks in SQL, the one source of truth."""
