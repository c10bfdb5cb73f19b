"""What everybody agrees on: events, topics, landing schemas, settings and errors. Imports nothing of ours."""
