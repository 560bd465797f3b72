// A file as large as TinyLlama in int8 (1.1 GB; NPULAB_BENCH_UPLOAD_MB) over a serial line of 12 Mbaud, the fastest there is: client,
// bridge and agent as they are, joined by two pseudo-terminals of that pace that damage one byte in a million. On the way the agent
// is killed, then the bridge, and the upload goes on. What a slower line takes is counted from the bytes that went over this one.
import { spawn } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from '@npulab/board';
import { holderOf } from '../../board/client/dist/serial/lock.js';
import { peakBytesOf, startAgent } from './_agent.mjs';

const MB = 1_000_000;
const sizeBytes = Number(process.env.NPULAB_BENCH_UPLOAD_MB ?? 1100) * MB;
const baud = 12_000_000;
/** Bytes a line of 1.5 Mbaud carries in a second. */
const lineBytesPerS = 150_000;
const nullModem = fileURLToPath(new URL('../../notebooks/null_modem.py', import.meta.url));

/** A file that nothing can make shorter: one key stream. Returns its digest. */
function writeFile(path) {
  const whole = createHash('sha256');
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  const zeros = Buffer.alloc(MB);
  const file = openSync(path, 'w');
  for (let at = 0; at < sizeBytes; at += MB) {
    const block = stream.update(zeros);
    whole.update(block);
    writeSync(file, block);
  }
  closeSync(file);
  return whole.digest('hex');
}

export async function bench() {
  const folder = mkdtempSync(join(tmpdir(), 'npulab-upload-'));
  const path = join(folder, 'model.bin');
  const digest = writeFile(path);
  const modem = spawn('python3', [nullModem, '--bytes-per-second', `${baud / 10}`, '--loss', '1e-6'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = await once(modem.stdout, 'data');
  const [host, far] = JSON.parse(line);
  const agent = await startAgent('--listen', `serial://${far}?baud=${baud}&keep&open`);
  const board = await connect(`serial://${host}?baud=${baud}`);
  const seen = { agentBytes: 0, bridgeBytes: 0, sentBytes: 0, resets: 0 };
  const look = () => {
    seen.agentBytes = Math.max(seen.agentBytes, agent.peakBytes());
    const bridge = holderOf(host);
    if (bridge) seen.bridgeBytes = Math.max(seen.bridgeBytes, peakBytesOf(bridge.pid));
  };
  const from = performance.now();
  const before = process.resourceUsage().maxRSS * 1024;
  let [agentKilled, bridgeKilled] = [false, false];
  const onProgress = ({ stage, doneBytes, totalBytes }) => {
    if (stage !== 'uploading') return;
    look();
    if (!agentKilled && doneBytes > totalBytes / 3) {
      agentKilled = true;
      agent.killAndRestart();
    } else if (agentKilled && !bridgeKilled && doneBytes > (2 * totalBytes) / 3) {
      bridgeKilled = true;
      process.kill(holderOf(host).pid, 'SIGKILL');
    }
  };
  try {
    let receipt;
    while (receipt === undefined) {
      receipt = await board.blobs.put({ path }, { onProgress }).catch((error) => {
        if (error.code !== 'boardReset') throw error;
        seen.resets += 1;
      });
    }
    if (receipt.id !== digest) throw new Error(`the board has ${receipt.id}, sent was ${digest}`);
    const seconds = (performance.now() - from) / 1000;
    seen.sentBytes = receipt.uploadedBytes;
    const hostBytes = process.resourceUsage().maxRSS * 1024 - before;
    await board.close();
    modem.stdin.end();
    const [carried] = await once(modem.stdout, 'data');
    const [up] = JSON.parse(carried);
    return rowsOf({ ...seen, bridgeKills: Number(bridgeKilled), seconds, hostBytes, up });
  } finally {
    await board.close();
    agent.stop();
    modem.stdin.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

function rowsOf({ bridgeKills, agentBytes, bridgeBytes, hostBytes, seconds, up, resets, sentBytes }) {
  const MiB = 1 << 20;
  const size = `${sizeBytes / MB} MB`;
  const memory = (who, value) => ({
    name: `${who}, largest resident size`,
    value: value / MiB,
    unit: 'MiB',
    goal: 'bounded: ≤ 128 MiB',
  });
  return [
    {
      name: `${size} over a serial line of 12 Mbaud, digest equal`,
      value: seconds,
      unit: 's',
      note: `${(sizeBytes / 1000 / seconds).toFixed(0)} kB/s of 1200; one byte in a million damaged`,
    },
    {
      name: 'bytes on the line, from host to board',
      value: up / MB,
      unit: 'MB',
      against: { what: 'MB of the file', value: sizeBytes / MB },
    },
    {
      name: 'the same at 1.5 Mbaud',
      value: up / lineBytesPerS / 3600,
      unit: 'h',
      against: { what: 'h of the bare file', value: sizeBytes / lineBytesPerS / 3600 },
    },
    { name: 'agent killed, then bridge killed, and gone on', value: resets + bridgeKills, unit: 'times', goal: '2' },
    {
      name: 'sent after the agent was killed',
      value: sentBytes / MB,
      unit: 'MB',
      against: { what: 'MB of the file', value: sizeBytes / MB },
    },
    memory('agent', agentBytes),
    memory('bridge', bridgeBytes),
    { name: 'client, resident size it grew by', value: hostBytes / MiB, unit: 'MiB', goal: 'bounded: ≤ 256 MiB' },
  ];
}
