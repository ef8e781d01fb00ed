import socket
import subprocess
import sys

from proxy.demo.child import LOOPBACK, die_with_parent, free_port, is_port_free

PARENT = """
import subprocess, sys
from proxy.demo.child import die_with_parent
child = subprocess.Popen(["sleep", "600"], preexec_fn=die_with_parent(), start_new_session=True)
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_a_free_port_can_be_listened_on() -> None:
    port = free_port()
    with socket.create_server((LOOPBACK, port)):
        assert not is_port_free(port)
    assert is_port_free(port)


def test_a_port_of_an_earlier_server_with_lingering_connections_is_free() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((LOOPBACK, port)) as client:
            accepted, _ = server.accept()
            # Who closes first keeps the connection in TIME_WAIT: the server's side.
            accepted.close()
            assert client.recv(1) == b""
    assert is_port_free(port)


def test_a_child_goes_with_a_parent_that_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent:
        child = int(parent.stdout.readline())
        # The child holds the other end of the pipe as long as it lives.
        parent.kill()
        assert parent.stdout.read() == b""
    assert child > 0


def test_a_child_of_a_living_parent_runs() -> None:
    done = subprocess.run(["echo", "here"], preexec_fn=die_with_parent(), capture_output=True, check=True)
    assert done.stdout == b"here\n"
