"""Alerts: findings of health that last, told once when they fire and once when they are over."""
