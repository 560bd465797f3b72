"""Two serial ports that are joined, for notebooks and benches without a board: pseudo-terminals with the speed, the delay and
the damage of a real line. Prints both paths as one line of JSON; lives until its standard input closes, and then prints
how many bytes it carried each way.

    python3 null_modem.py [--bytes-per-second 150000] [--latency-ms 1] [--loss 1e-5] [--seed 1]
"""
import argparse
import collections
import json
import os
import random
import selectors
import sys
import time
import tty

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--bytes-per-second", type=float, default=150_000)
parser.add_argument("--latency-ms", type=float, default=1)
parser.add_argument("--loss", type=float, default=0)
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()
chance = random.Random(options.seed)

ends = [os.openpty() for _ in range(2)]
for master, slave in ends:
    # The slaves stay open here: else a master would report an error until somebody else opens its slave.
    tty.setraw(slave)
    os.set_blocking(master, False)
sys.stdout.write(json.dumps([os.ttyname(slave) for _, slave in ends]) + "\n")
sys.stdout.flush()


class Direction:
    """Bytes on their way from one end to the other."""

    def __init__(self):
        self.parcels = collections.deque()
        self.free_at = 0.0
        self.next_loss = self.gap()
        self.carried = 0

    def gap(self):
        return int(chance.expovariate(options.loss)) if options.loss > 0 else sys.maxsize

    def take(self, chunk, now):
        self.carried += len(chunk)
        chunk = bytearray(chunk)
        while self.next_loss < len(chunk):
            chunk[self.next_loss] ^= 1 << chance.randrange(8)
            self.next_loss += 1 + self.gap()
        self.next_loss -= len(chunk)
        # Short parcels, so that bytes come out at the line's pace and not a window at a time.
        for at in range(0, len(chunk), 128):
            part = chunk[at : at + 128]
            self.free_at = max(now, self.free_at) + len(part) / options.bytes_per_second
            self.parcels.append((self.free_at + options.latency_ms / 1000, part))

    def give(self, master, now):
        due = bytearray()
        while self.parcels and self.parcels[0][0] <= now:
            due += self.parcels.popleft()[1]
        if not due:
            return
        try:
            sent = os.write(master, due)
        except BlockingIOError:
            sent = 0
        if sent < len(due):
            self.parcels.appendleft((now + 0.001, due[sent:]))


ways = [Direction(), Direction()]
watch = selectors.DefaultSelector()
watch.register(0, selectors.EVENT_READ, None)
for index, (master, _) in enumerate(ends):
    watch.register(master, selectors.EVENT_READ, index)
while True:
    due = [way.parcels[0][0] for way in ways if way.parcels]
    wait = max(0.0, min(due) - time.monotonic()) if due else None
    for key, _ in watch.select(wait):
        chunk = os.read(key.fd, 65536)
        if key.data is None:
            if not chunk:
                print(json.dumps([way.carried for way in ways]))
                sys.exit(0)
        else:
            ways[key.data].take(chunk, time.monotonic())
    now = time.monotonic()
    ways[0].give(ends[1][0], now)
    ways[1].give(ends[0][0], now)
