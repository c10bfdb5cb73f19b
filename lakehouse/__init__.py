"""Dataset declarations, SQL models, the driver and the embedded engine."""
