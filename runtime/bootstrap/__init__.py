"""Sets this checkout up for `./dp`: the virtual environment, before anything is installed.

Only the standard library is imported here. `./dp` itself needs to parse on any Python 3; these modules run
on a supported one.
"""
