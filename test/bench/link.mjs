// The link beside its limits: a serial line of 1.5 Mbaud, in virtual time and on pseudo-terminals in real time, beside its bytes per second, TCP loopback beside a raw
// socket that does the same, small calls beside a raw echo, Noise beside none, and the agent's memory while it works.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, connect as rawConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, findAgent } from '@npulab/board';
import { startAgent } from './_agent.mjs';
import { median, percentile } from './_measure.mjs';
import { testModule } from './_test-module.mjs';

const MiB = 1 << 20;
const size = Number(process.env.NPULAB_BENCH_MIB ?? 256) * MiB;
const sizeText = `${size / MiB} MiB`;
const runs = 7;
/** Virtual time repeats itself: three seeds show the spread. */
const seeds = 3;

/** A raw peer: swallows what it is sent and answers one byte per `size` bytes, or echoes. */
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

async function serialRows() {
  const { goodput } = await testModule('board/client/test/uart/goodput.ts');
  const bytesPerMs = 150;
  const against = { what: 'kB/s, all bytes of the line', value: bytesPerMs };
  return [
    [0, '≥ 0.97'],
    [1e-5, '≥ 0.94'],
    [1e-4, '≥ 0.84'],
  ].flatMap(([loss, goal]) =>
    [1, 16].map((latencyMs) => {
      const shares = Array.from({ length: seeds }, (_, run) => goodput({ bytesPerMs, latencyMs, flip: loss }, run + 1));
      const name = `serial 1.5 Mbaud, virtual time, adapter ${latencyMs} ms, byte loss ${loss}`;
      return { name, value: median(shares), unit: 'kB/s', against, goal: `ratio ${goal}` };
    }),
  );
}

const nullModem = fileURLToPath(new URL('../../notebooks/null_modem.py', import.meta.url));

/** The same in real time: client, bridge and agent on two pseudo-terminals that a middle process makes as slow and as bad. */
async function realSerialRow(latencyMs, loss, goal) {
  const pieceBytes = MiB / 2;
  const modem = spawn('python3', [nullModem, '--latency-ms', `${latencyMs}`, '--loss', `${loss}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = await once(modem.stdout, 'data');
  const [host, far] = JSON.parse(line);
  const agent = await startAgent('--listen', `serial://${far}?baud=1500000&keep&open`);
  const board = await connect(`serial://${host}?baud=1500000`);
  try {
    const buffer = await board.memory.allocate(pieceBytes);
    // Random, so that nothing is deflated.
    const data = randomBytes(pieceBytes);
    const taken = await times(8, () => buffer.write(data));
    return {
      name: `serial 1.5 Mbaud, real time on ptys, adapter ${latencyMs} ms, byte loss ${loss}`,
      value: pieceBytes / (median(taken.slice(1)) / 1000),
      unit: 'kB/s',
      against: { what: 'kB/s, all bytes of the line', value: 150 },
      goal: `ratio ${goal}`,
    };
  } finally {
    await board.close();
    agent.stop();
    modem.stdin.end();
  }
}

/** Small messages to and fro on a raw socket, µs. */
async function rawEcho() {
  const echo = await rawPeer(true);
  const small = Buffer.alloc(16);
  const taken = await times(2000, async () => {
    echo.socket.write(small);
    await once(echo.socket, 'data');
  });
  echo.close();
  return taken;
}

async function msOf(work) {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

/** A raw copy, a write and a read in turns, so that what else the machine does meets all three; then small calls. */
async function through(address) {
  const board = await connect(address);
  const bulk = await rawPeer(false);
  try {
    const payload = Buffer.alloc(size, 7);
    const buffer = await board.memory.allocate(size);
    const turns = { raw: [], write: [], read: [] };
    for (let run = 0; run <= runs; run += 1) {
      const raw = await msOf(async () => {
        bulk.socket.write(payload);
        await once(bulk.socket, 'data');
      });
      const write = await msOf(() => buffer.write(payload));
      const read = await msOf(() => buffer.read());
      // The first turn warms up.
      if (run === 0) continue;
      turns.raw.push(raw);
      turns.write.push(write);
      turns.read.push(read);
    }
    const callUs = await times(2000, () => buffer.read({ lengthBytes: 16 }));
    return { rawMs: median(turns.raw), writeMs: median(turns.write), readMs: median(turns.read), callUs };
  } finally {
    bulk.close();
    await board.close();
  }
}

const hasKeys = () => spawnSync(findAgent(), ['--help'], { encoding: 'utf8' }).stdout.includes('--key');

export async function bench() {
  const rows = await serialRows();
  for (const [latencyMs, loss, goal] of [
    [1, 0, '≥ 0.97'],
    [16, 0, '≥ 0.97'],
    [1, 1e-4, '≥ 0.84'],
    [16, 1e-4, '≥ 0.84'],
  ])
    rows.push(await realSerialRow(latencyMs, loss, goal));
  const rawUs = await rawEcho();
  const memory = `${2 * (size / MiB)}`;
  const agent = await startAgent('--memory-mib', memory);
  const { rawMs, writeMs, readMs, callUs } = await through(agent.address);
  const raw = { what: 'MB/s raw socket', value: size / rawMs / 1000 };
  const speed = (name, ms, goal = 'ratio ≥ 0.6') => ({
    name,
    value: size / ms / 1000,
    unit: 'MB/s',
    against: raw,
    goal,
  });
  rows.push(
    speed(`write ${sizeText}`, writeMs),
    speed(`read ${sizeText}`, readMs),
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
    {
      name: `agent, largest resident size besides the ${sizeText} of the buffer`,
      value: (agent.peakBytes() - size) / MiB,
      unit: 'MiB',
      against: { what: 'MiB of the buffer', value: size / MiB },
      goal: 'bounded: ≤ 64 MiB',
    },
  );
  agent.stop();
  if (!hasKeys()) return rows;
  const key = join(mkdtempSync(join(tmpdir(), 'npulab-key-')), 'key');
  writeFileSync(key, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  const secured = await startAgent('--memory-mib', memory, '--key', key);
  const noise = await through(`${secured.address}?key=${key}`);
  secured.stop();
  const plain = (what, value) => ({ what, value });
  rows.push(
    {
      ...speed(`write ${sizeText}, Noise on`, noise.writeMs, ''),
      against: plain('MB/s without', size / writeMs / 1000),
    },
    { ...speed(`read ${sizeText}, Noise on`, noise.readMs, ''), against: plain('MB/s without', size / readMs / 1000) },
    {
      name: 'small call, median, Noise on',
      value: median(noise.callUs),
      unit: 'µs',
      against: plain('µs without', median(callUs)),
    },
  );
  return rows;
}
