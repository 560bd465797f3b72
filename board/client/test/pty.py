"""A pseudo-terminal for Node, which cannot make one: prints the path of its slave, then carries bytes between the master
and stdin/stdout. The slave starts as every terminal does, canonical and echoing, until whoever opens it makes it raw.
It ends with its stdin, also while the terminal is full because nobody reads it: a helper that waits for ever would keep
the test run's pipes open."""
import os
import select
import sys

master, slave = os.openpty()
os.set_blocking(master, False)
sys.stdout.write(os.ttyname(slave) + "\n")
sys.stdout.flush()
# The slave stays open here: else the master would report an error until somebody else opens it.
waiting = b""
watch = select.poll()
while True:
    # What waits for the terminal holds stdin back; that stdin is gone is told all the same.
    watch.register(0, 0 if waiting else select.POLLIN)
    watch.register(master, select.POLLIN | (select.POLLOUT if waiting else 0))
    ready = dict(watch.poll())
    if ready.get(master, 0) & select.POLLIN:
        chunk = os.read(master, 65536)
        while chunk:
            chunk = chunk[os.write(1, chunk):]
    if ready.get(0, 0) & select.POLLIN:
        waiting = os.read(0, 65536)
        if not waiting:
            sys.exit(0)
    elif ready.get(0, 0) & (select.POLLHUP | select.POLLERR):
        sys.exit(0)
    if waiting:
        try:
            waiting = waiting[os.write(master, waiting):]
        except BlockingIOError:
            pass
