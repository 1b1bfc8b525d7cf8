"""What a process does to itself, tried in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys

from dialnexa.kit.process import free_port, port_is_free

SCRIPT = """
import os
from dialnexa.kit.process import go_first
allowed = go_first(-3)
print(os.getpriority(os.PRIO_PROCESS, 0) == -3 if allowed else os.getpriority(os.PRIO_PROCESS, 0) >= 0)
"""


def test_a_process_goes_first_where_it_may_and_lives_on_where_it_may_not():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_a_port_is_free_only_when_all_transports_can_have_it():
    port = free_port("127.0.0.1", socket.SOCK_DGRAM, socket.SOCK_STREAM)
    with socket.create_server(("127.0.0.1", port)):
        assert port_is_free("127.0.0.1", port, socket.SOCK_DGRAM)
        assert not port_is_free("127.0.0.1", port, socket.SOCK_DGRAM, socket.SOCK_STREAM)
