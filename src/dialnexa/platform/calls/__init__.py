"""The call record: its state machine, admission, history, timeline and recordings."""
