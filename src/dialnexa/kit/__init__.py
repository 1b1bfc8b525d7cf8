"""Small tools every room may use: ids, time, errors, templates, phone numbers, secrets. Knows nothing of calls."""
