"""`dp release`: wheel and source distribution, the list of what they consist of, and its audit."""
