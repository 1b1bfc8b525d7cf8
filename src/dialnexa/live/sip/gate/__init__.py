"""Who may speak to us, and how often."""
