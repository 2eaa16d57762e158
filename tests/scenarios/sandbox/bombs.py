"""Programs that use more than they may, for the sandbox alone: all of them end by themselves after some seconds."""

FORKS = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
until = time.time() + 8
while time.time() < until:
    try:
        if os.fork() == 0:
            os.setsid()
    except OSError:
        time.sleep(0.01)
"""

# One process that holds more than its share.
MEMORY = """
held = []
for _ in range(300):
    held.append(bytearray(b'1' * 1048576))
import time; time.sleep(8)
"""

# Six processes, each of which holds little.
TREE = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        held = bytearray(b'1' * (50 * 1048576))
        break
time.sleep(8)
"""

# Eight processes that share what they hold, and so are within bounds together.
SHARED = """
import os, time
held = bytes(b'1' * (80 * 1048576))
children = []
for _ in range(8):
    pid = os.fork()
    if pid == 0:
        time.sleep(1.5)
        os._exit(0)
    children.append(pid)
for pid in children: os.waitpid(pid, 0)
print('alive')
"""

DISK = """
import os
total = 0
for place in ('/home/user', '/tmp', '/var/tmp', '/dev/shm', '/dev', '/run', '/', '/etc'):
    for number in range(40):
        try:
            with open(f'{place}/filler{number}', 'wb') as file:
                for _ in range(16):
                    file.write(b'x' * 1048576)
                    file.flush()
                    total += 1
        except OSError:
            break
print(total)
"""

FILES = """
import os, time
until = time.time() + 8
for number in range(20000):
    os.close(os.open(f'/home/user/{number}', os.O_CREAT | os.O_WRONLY))
time.sleep(max(0, until - time.time()))
"""

SOCKETS = """
import os, socket, time
for _ in range(4):
    if os.fork() == 0:
        break
held = []
try:
    while True:
        held.append(socket.socketpair())
except OSError:
    time.sleep(8)
"""
