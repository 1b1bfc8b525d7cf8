"""Where both wings meet: takes an admitted call, builds its plan, runs it live, writes its outcome."""
