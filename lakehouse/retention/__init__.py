"""How long rows are kept, and the removal of those that are older."""
