"""Prometheus and Grafana over the platform: their containers, rules and dashboards, made from the
declarations that the platform itself works by. ``python -m runtime.observability`` writes `deployment/`."""
