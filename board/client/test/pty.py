"""A pseudo-terminal for Node, which cannot make one: prints the path of its slave, then carries bytes between the master
and stdin/stdout. The slave starts as every terminal does, canonical and echoing, until whoever opens it makes it raw."""
import os
import selectors
import sys

master, slave = os.openpty()
sys.stdout.write(os.ttyname(slave) + "\n")
sys.stdout.flush()
# The slave stays open here: else the master would report an error until somebody else opens it.
watch = selectors.DefaultSelector()
watch.register(master, selectors.EVENT_READ, 1)
watch.register(0, selectors.EVENT_READ, master)
while True:
    for key, _ in watch.select():
        try:
            chunk = os.read(key.fd, 65536)
        except OSError:
            chunk = b""
        if not chunk:
            sys.exit(0)
        while chunk:
            chunk = chunk[os.write(key.data, chunk):]
