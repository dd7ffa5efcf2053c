"""What systemd's socket unit does: listens, hands the socket to a program, and starts that anew when it ends.

hand_over.py PORT PROGRAM [ARGUMENT…], until SIGTERM.
"""

import os
import signal
import socket
import sys

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024)
child = 0
ending = False


def end(*_):
    global ending
    ending = True
    if child:
        os.kill(child, signal.SIGTERM)


signal.signal(signal.SIGTERM, end)
while not ending:
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        # The socket unit's first descriptor; above it nothing is inherited.
        os.dup2(listener.fileno(), 3)
        os.set_inheritable(3, True)
        environment = {**os.environ, "LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "http"}
        os.execve(sys.argv[2], sys.argv[2:], environment)
    os.waitpid(child, 0)
