"""``python -m runtime.observability``: writes the files under `deployment/`."""

from runtime.observability.files import write

if __name__ == "__main__":
    write()
