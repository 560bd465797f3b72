// The link on TCP loopback beside a raw socket that does the same: bulk writes and reads, and small calls.
import { once } from 'node:events';
import { createServer, connect as rawConnect } from 'node:net';
import { connect } from '@npulab/board';
import { median, medianMs, percentile } from './_measure.mjs';

const size = 64 << 20;

/** A raw peer: swallows what it is sent and answers one byte per `size` bytes, or echoes 16-byte messages. */
async function rawPeer(echo) {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    let left = size;
    socket.on('data', (bytes) => {
      if (echo) return void socket.write(bytes);
      left -= bytes.length;
      if (left === 0) {
        left = size;
        socket.write('.');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = rawConnect(server.address().port, '127.0.0.1');
  socket.setNoDelay(true);
  await once(socket, 'connect');
  const close = () => {
    socket.destroy();
    server.close();
  };
  return { socket, close };
}

async function times(count, work) {
  const taken = [];
  for (let at = 0; at < count; at += 1) {
    const from = performance.now();
    await work();
    taken.push((performance.now() - from) * 1000);
  }
  return taken.slice(Math.floor(count / 10));
}

export async function bench() {
  const payload = new Uint8Array(size).fill(7);
  const bulk = await rawPeer(false);
  const rawMs = await medianMs(async () => {
    bulk.socket.write(payload);
    await once(bulk.socket, 'data');
  });
  bulk.close();
  const echo = await rawPeer(true);
  const small = Buffer.alloc(16);
  const rawUs = await times(2000, async () => {
    echo.socket.write(small);
    await once(echo.socket, 'data');
  });
  echo.close();

  const board = await connect('cpu', { memoryMib: 256 });
  try {
    const buffer = await board.memory.allocate(size);
    const writeMs = await medianMs(() => buffer.write(payload));
    const readMs = await medianMs(() => buffer.read());
    const callUs = await times(2000, () => buffer.read({ lengthBytes: 16 }));
    const raw = { what: 'MB/s raw socket', value: size / rawMs / 1000 };
    return [
      { name: 'write 64 MiB', value: size / writeMs / 1000, unit: 'MB/s', against: raw, goal: 'ratio ≥ 0.6' },
      { name: 'read 64 MiB', value: size / readMs / 1000, unit: 'MB/s', against: raw, goal: 'ratio ≥ 0.6' },
      {
        name: 'small call, median',
        value: median(callUs),
        unit: 'µs',
        against: { what: 'µs raw echo', value: median(rawUs) },
      },
      {
        name: 'small call, p99',
        value: percentile(callUs, 99),
        unit: 'µs',
        against: { what: 'µs raw echo', value: percentile(rawUs, 99) },
      },
    ];
  } finally {
    await board.close();
  }
}
