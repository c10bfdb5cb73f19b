"""The command line and the local topology."""
