"""The one writer: its loop, its control channel, and the commands that it is given."""
