"""`python -m runtime ARGUMENTS` is the `dp` command line, inside the virtual environment."""

from __future__ import annotations

from runtime.cli import main

if __name__ == "__main__":
    main(prog_name="dp")
