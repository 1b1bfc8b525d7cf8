"""Talk: the turn state machine, the heard ledger, agent runtimes and functions."""
