"""Alerts: when people are told that something is wrong, by Prometheus or, without it, by the service itself."""
