"""Health: one judgement of the platform, for `GET /health`, reports, samples, metrics and alerts alike."""
