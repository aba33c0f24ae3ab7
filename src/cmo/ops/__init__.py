"""Watching: what the service does, as metrics, logs, traces and health. The parts announce; here is who listens."""
