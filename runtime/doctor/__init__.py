"""`dp doctor`: the checklist of a platform that runs, each line with what was measured and what to do."""
