"""Five seeded event producers over one population of users."""
