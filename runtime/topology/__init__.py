"""The local topology: how declared services are started, watched and stopped on one machine."""
