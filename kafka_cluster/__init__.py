"""The one place that speaks to the broker and the registry: connections, topics, lag, health."""
