"""Tables for those who read them: snapshots, the stream's views, and where one event is."""
