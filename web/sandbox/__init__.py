"""Read-only SQL that cannot do harm, by layers: an allow-list over the parsed text, a second one over
DuckDB's own syntax tree, a DuckDB that may open the tables' folders and nothing else, a process with hard
limits, and a parent that kills it when its time is up."""
