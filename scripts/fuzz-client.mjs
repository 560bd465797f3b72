// node scripts/fuzz-client.mjs [--seconds N] [--seed N]: random and damaged bytes into every decoder of the client (frames, metadata, PDUs,
// captures, records, handshakes). The shared vectors are the corpus. A decoder may refuse with a BoardError and nothing else, and no
// input may take long. A finding ends with status 1; its input is printed and kept in board/client/fuzz-corpus, which runs first.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './steps.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_007) },
  },
});
const dist = (path) => import(resolve(root, 'board/client/dist', path));
const { BoardError } = await dist('errors.js');
const { decodeCbor } = await dist('frame/cbor.js');
const { parseFrame } = await dist('frame/frame.js');
const { Deframer } = await dist('link/deframer.js');
const session = await dist('messages/session.js');
const { decodePdu } = await dist('uart/pdu.js');
const { Splitter } = await dist('uart/splitter.js');
const { Arq } = await dist('uart/arq.js');
const { decodeCapture } = await dist('decode.js');
const { inflated } = await dist('link/deflate.js');
const { NoiseHandshake } = await dist('secure/noise.js');

const never = () => undefined;
const targets = {
  deframer: (bytes) => new Deframer(never).push(bytes),
  frame: (bytes) => parseFrame(bytes),
  cbor: (bytes) => decodeCbor(bytes),
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
const kept = existsSync(corpus) ? readdirSync(corpus).map((name) => readFileSync(resolve(corpus, name))) : [];

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

function feed(name, bytes) {
  const from = performance.now();
  try {
    targets[name](bytes);
  } catch (error) {
    if (!(error instanceof BoardError)) finding(name, bytes, error.stack);
  }
  const tookMs = performance.now() - from;
  if (tookMs > 2000) finding(name, bytes, `it took ${Math.round(tookMs)} ms`);
}

function finding(name, bytes, why) {
  mkdirSync(corpus, { recursive: true });
  const path = resolve(corpus, `${name}-${values.seed}.bin`);
  writeFileSync(path, bytes);
  process.stderr.write(`${name}: ${why}\ninput ${Buffer.from(bytes).toString('hex')}\nkept in ${path}\n`);
  process.exit(1);
}

for (const bytes of kept) for (const name of Object.keys(targets)) feed(name, bytes);
const names = Object.keys(targets);
const endsAt = performance.now() + Number(values.seconds) * 1000;
let count = 0;
for (; performance.now() < endsAt; count += 1) feed(names[count % names.length], mutated());
process.stdout.write(
  `${names.length} decoders of the client: ${count} inputs, ${kept.length} kept ones, seed ${values.seed}, no finding\n`,
);
