"""One live call from dialling to outcome."""
