// A bare Jupyter client over ZeroMQ, the same for every kernel: no library of a front end between the clock and the
// socket. Every wait has a deadline, so that a kernel that hangs fails one number and not the run.
import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dealer, Subscriber } from 'zeromq';
import { decode, Signer, toFrames } from '../../kernel-ts/dist/protocol/index.js';

const channels = ['shell', 'control', 'iopub', 'stdin', 'hb'];

async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Rejects with `what` when the promise takes longer. */
export function before(limitMs, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${limitMs / 1000} s`)), limitMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Starts a kernel (`command` with `{connection_file}`) and connects. Resolves when it has answered its first request. */
export async function startKernel({ command, env = {}, interruptBy = 'message' }) {
  const home = mkdtempSync(join(tmpdir(), 'npulab-bench-'));
  const key = randomBytes(16).toString('hex');
  const ports = await freePorts(channels.length);
  const file = { transport: 'tcp', ip: '127.0.0.1', key, signature_scheme: 'hmac-sha256', kernel_name: 'bench' };
  for (const [index, name] of channels.entries()) file[`${name}_port`] = ports[index];
  const path = join(home, 'connection.json');
  writeFileSync(path, JSON.stringify(file));
  const [program, ...args] = command.map((word) => word.replace('{connection_file}', path));
  // A retry of the connection every 10 ms: ZeroMQ's default of 100 would be the resolution of the start times.
  const options = { linger: 0, receiveHighWaterMark: 0, reconnectInterval: 10 };
  const sockets = { shell: new Dealer(options), control: new Dealer(options) };
  const iopub = new Subscriber(options);
  const began = performance.now();
  const child = spawn(program, args, {
    cwd: home,
    stdio: 'ignore',
    detached: true,
    env: { ...process.env, NPULAB_HISTORY: 'off', ...env },
  });
  const died = new Promise((resolve) => {
    child.once('exit', resolve);
    child.once('error', resolve);
  });
  const signer = new Signer('sha256', key);
  const session = randomUUID();
  const open = new Map();
  let sending = Promise.resolve();

  const hear = async (socket, name) => {
    for await (const frames of socket) {
      const message = decode(frames, signer);
      if (message.header.msg_type === 'iopub_welcome') continue;
      const request = open.get(message.parentHeader.msg_id);
      if (request === undefined) continue;
      if (name !== 'iopub') request.reply(message.content);
      else if (message.header.msg_type !== 'status') request.outputs.push(message);
      else if (message.content.execution_state === 'idle') request.idle();
    }
  };
  for (const [name, socket] of [...Object.entries(sockets), ['iopub', iopub]]) {
    if (name === 'iopub') socket.subscribe('');
    socket.connect(`tcp://127.0.0.1:${file[`${name}_port`]}`);
    hear(socket, name).catch(() => {});
  }

  /** Sends a request; `replied` and `idle` settle when they come. */
  const ask = (type, content, channel = 'shell') => {
    const header = {
      ...{ msg_id: randomUUID(), msg_type: type, session, username: 'bench' },
      ...{ date: new Date().toISOString(), version: '5.3' },
    };
    const request = { outputs: [] };
    request.replied = new Promise((resolve) => {
      request.reply = resolve;
    });
    request.ended = new Promise((resolve) => {
      request.idle = resolve;
    });
    open.set(header.msg_id, request);
    const frames = toFrames(signer, [], [header, {}, {}, content]);
    sending = sending.then(() => sockets[channel].send(frames)).catch(() => {});
    request.done = Promise.all([request.replied, request.ended]).then(([reply]) => {
      open.delete(header.msg_id);
      return { reply, outputs: request.outputs };
    });
    return request;
  };
  const execute = (code) =>
    ask('execute_request', {
      ...{ code, silent: false, store_history: true, user_expressions: {} },
      ...{ allow_stdin: false, stop_on_error: true },
    });

  const kernel = {
    ask,
    execute,
    /** Runs a cell; rejects when it fails or its idle does not come. */
    async run(code, limitMs = 20_000) {
      const ran = await before(limitMs, 'reply and idle', execute(code).done);
      if (ran.reply.status !== 'ok') throw new Error(`${ran.reply.ename}: ${ran.reply.evalue}`);
      return ran;
    },
    interrupt() {
      if (interruptBy === 'message') return ask('interrupt_request', {}, 'control').replied;
      process.kill(child.pid, 'SIGINT');
      return Promise.resolve();
    },
    died,
    pid: child.pid,
    began,
    async end() {
      await before(
        1500,
        'end',
        Promise.all([ask('shutdown_request', { restart: false }, 'control').replied, died]),
      ).catch(() => {});
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // it has ended
      }
      for (const socket of [...Object.values(sockets), iopub]) socket.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
  try {
    await before(20_000, 'kernel_info_reply', Promise.race([ask('kernel_info_request', {}).replied, died]));
    kernel.infoMs = performance.now() - began;
    // Older kernels greet no subscriber: ask until a status comes, or the first cell's outputs would be lost.
    for (let seen = false; !seen; ) {
      const asked = ask('kernel_info_request', {}).ended.then(() => true);
      seen = await before(20, 'status', asked).catch(() => performance.now() - began > 20_000);
    }
    return kernel;
  } catch (error) {
    await kernel.end();
    throw error;
  }
}

/** Proportional set size of a process and everything below it, in MiB. */
export function pssMiB(pid) {
  const parents = new Map();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const parent = Number(
        readFileSync(`/proc/${name}/stat`, 'utf8')
          .replace(/^.*\) /, '')
          .split(' ')[1],
      );
      parents.set(Number(name), parent);
    } catch {
      // it has ended meanwhile
    }
  }
  const isBelow = (one) => one === pid || (parents.has(one) && parents.get(one) > 1 && isBelow(parents.get(one)));
  let kiB = 0;
  for (const one of parents.keys()) {
    if (!isBelow(one)) continue;
    try {
      kiB += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${one}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      // it has ended meanwhile
    }
  }
  return kiB / 1024;
}
