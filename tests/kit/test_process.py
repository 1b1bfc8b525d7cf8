"""What a process does to itself, tried in a process of its own."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import os
from dialnexa.kit.process import go_first
allowed = go_first(-3)
print(os.getpriority(os.PRIO_PROCESS, 0) == -3 if allowed else os.getpriority(os.PRIO_PROCESS, 0) >= 0)
"""


def test_a_process_goes_first_where_it_may_and_lives_on_where_it_may_not():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
