"""The shell: dialnexa up, api, worker, migrate, keys, call, doctor, bench."""
