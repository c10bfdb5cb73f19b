"""Every dataset of the lakehouse, declared once."""
