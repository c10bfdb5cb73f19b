"""What keeps tables, landing and views small: by the driver, step by step, between its rounds."""
