// node scripts/fuzz-client.mjs [--seconds N] [--seed N] [--collect]: random and damaged bytes into every decoder of the client (frames, metadata, PDUs,
// captures, records, handshakes). A decoder may refuse with a BoardError and nothing else; no input may take long or much memory; what
// frames and CBOR decode to leaves as it came. Starts are the shared vectors and board/client/fuzz-corpus, whose inputs run first. A
// finding ends with status 1: its input is shortened as far as it still fails, printed, and kept in that folder. With --collect an input
// that a decoder answers as it answered none before is shortened and kept too: so the folder grows.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './steps.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    collect: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_007) },
  },
});
const dist = (path) => import(resolve(root, 'board/client/dist', path));
const { BoardError } = await dist('errors.js');
const { decodeCbor } = await dist('frame/cbor.js');
const { encodeCbor } = await dist('frame/cbor.js');
const { framePieces, parseFrame } = await dist('frame/frame.js');
const { maxFrameBytes } = await dist('frame/header.js');
const { Deframer } = await dist('link/deframer.js');
const session = await dist('messages/session.js');
const { decodePdu } = await dist('uart/pdu.js');
const { Splitter } = await dist('uart/splitter.js');
const { Arq } = await dist('uart/arq.js');
const { decodeCapture } = await dist('decode.js');
const { inflated } = await dist('link/deflate.js');
const { NoiseHandshake } = await dist('secure/noise.js');

const never = () => undefined;

/** What `decode` takes must leave as the same bytes. */
function leavesAsItCame(what, bytes, again) {
  if (Buffer.compare(bytes, again) !== 0) throw new Error(`${what} leaves as ${Buffer.from(again).toString('hex')}`);
}

/** CBOR floats that are whole decode to numbers, which leave as integers: such inputs must at least decode to the same again. */
function cborLeavesAsItCame(bytes) {
  const value = decodeCbor(bytes);
  const again = encodeCbor(value);
  const mayHoldFloats = bytes.some((byte) => byte >= 0xf9 && byte <= 0xfb);
  if (mayHoldFloats) leavesAsItCame('CBOR', again, encodeCbor(decodeCbor(again)));
  else leavesAsItCame('CBOR', bytes, again);
}

const targets = {
  deframer: (bytes) => new Deframer(never).push(bytes),
  frame: (bytes) => leavesAsItCame('a frame', bytes, Buffer.concat(framePieces(parseFrame(bytes), 0))),
  cbor: cborLeavesAsItCame,
  hello: (bytes) => session.readHello(bytes),
  fail: (bytes) => session.readFail(bytes, 'x'),
  item: (bytes) => session.readItem(bytes),
  event: (bytes) => session.readEvent(bytes),
  pong: (bytes) => session.readPong(bytes),
  pdu: (bytes) => decodePdu(bytes)?.valid({ sender: 1, receiver: 2 }),
  splitter: (bytes) =>
    new Splitter({ segment: (s) => decodePdu(s) !== null, console: never, damaged: never }).push(bytes),
  line: (bytes) => {
    const arq = new Arq({ role: 'host', epoch: 1 });
    arq.receive(bytes, 0);
    for (let now = 0; now < 50; now += 1) arq.poll(now);
  },
  capture: (bytes) => decodeCapture(bytes),
  deflate: (bytes) => inflated(bytes, 1000),
  handshake: (bytes) => new NoiseHandshake(true, new Uint8Array(32), new Uint8Array(8)).read(bytes),
};

let state = Number(values.seed) >>> 0 || 1;
const random = (below) => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
};

const vectors = (name) => JSON.parse(readFileSync(resolve(root, 'board/link/vectors', name), 'utf8'));
const bytesOf = (hex) => new Uint8Array(Buffer.from(hex, 'hex'));
const seeds = [
  ...vectors('v1.json').flatMap(({ hex }) => [bytesOf(hex), bytesOf(hex).subarray(16)]),
  ...vectors('uart.json').pdus.flatMap(({ wireHex }) =>
    wireHex ? [bytesOf(wireHex), bytesOf(wireHex).subarray(1, -1)] : [],
  ),
  ...vectors('uart.json').segments.map(({ hex }) => bytesOf(hex)),
];
const corpus = resolve(root, 'board/client/fuzz-corpus');
const keptNames = existsSync(corpus) ? readdirSync(corpus).sort() : [];
const kept = keptNames.map((name) => new Uint8Array(readFileSync(resolve(corpus, name))));
seeds.push(...kept);

function mutated() {
  const from = seeds[random(seeds.length)];
  const bytes = random(20) === 0 ? Uint8Array.from({ length: random(600) }, () => random(256)) : from.slice();
  for (let count = random(6); count > 0 && bytes.length > 0; count -= 1) {
    const at = random(bytes.length);
    bytes[at] = random(3) === 0 ? [0, 255, 0x7f, 0x80, 0x1b][random(5)] : bytes[at] ^ (1 << random(8));
  }
  if (random(4) === 0) return bytes.subarray(0, random(bytes.length + 1));
  return random(4) === 0 ? new Uint8Array(Buffer.concat([bytes, seeds[random(seeds.length)]])) : bytes;
}

/** The most a decoder may take beside its input: a frame, and once more as much for what it becomes. */
const mostBytes = 2 * maxFrameBytes;
const mostMs = 2000;

/** What the decoder said to the last input: nothing, or its refusal without numbers and quoted bytes. */
let answer = '';

/** Why an input breaks a promise; null where it does not. */
function broken(name, bytes) {
  answer = 'taken';
  const [from, held] = [performance.now(), process.memoryUsage().arrayBuffers];
  try {
    targets[name](bytes);
  } catch (error) {
    if (!(error instanceof BoardError)) return error.stack;
    answer = error.message.replaceAll(/\d+|"[^"]*"|'[^']*'/g, '#');
  }
  // A collection in between makes it less, never more.
  const took = process.memoryUsage().arrayBuffers - held;
  if (took > mostBytes) return `it took ${took} bytes`;
  const tookMs = performance.now() - from;
  return tookMs > mostMs ? `it took ${Math.round(tookMs)} ms` : null;
}

/** The input without every part that `holds` does not need, largest parts first. */
function shortened(bytes, holds) {
  let best = bytes;
  for (let part = best.length >> 1; part > 0; part >>= 1) {
    for (let at = 0; at + part <= best.length; ) {
      const without = new Uint8Array(Buffer.concat([best.subarray(0, at), best.subarray(at + part)]));
      if (holds(without)) best = without;
      else at += part;
    }
  }
  return best;
}

function keep(name, input) {
  mkdirSync(corpus, { recursive: true });
  const path = resolve(corpus, `${name}-${createHash('sha256').update(input).digest('hex').slice(0, 12)}.bin`);
  writeFileSync(path, input);
  return path;
}

const answers = new Set();

function feed(name, bytes, isNew) {
  if (broken(name, bytes) === null) {
    const said = answer;
    if (answers.has(`${name} ${said}`)) return;
    answers.add(`${name} ${said}`);
    if (isNew) isNew(shortened(bytes, (without) => broken(name, without) === null && answer === said));
    return;
  }
  const input = shortened(bytes, (without) => broken(name, without) !== null);
  const [hex, path] = [Buffer.from(input).toString('hex'), keep(name, input)];
  process.stderr.write(`${name}: ${broken(name, input)}\ninput ${hex}\nseed ${values.seed}, kept in ${path}\n`);
  process.exit(1);
}

for (const bytes of kept) for (const name of Object.keys(targets)) feed(name, bytes);
const names = Object.keys(targets);
const endsAt = performance.now() + Number(values.seconds) * 1000;
let count = 0;
for (; performance.now() < endsAt; count += 1) {
  const name = names[count % names.length];
  feed(name, mutated(), values.collect ? (input) => keep(name, input) : undefined);
}
process.stdout.write(
  `${names.length} decoders of the client: ${count} inputs, ${kept.length} kept ones, seed ${values.seed}, no finding\n`,
);
