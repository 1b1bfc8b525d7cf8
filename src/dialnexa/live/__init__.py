"""What is happening now: audio and talk. No SQL and no HTTP routes; a live call runs without a database."""
