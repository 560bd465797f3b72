// A program that shares a port: connects, then does what a line of stdin says, and answers each with a line of JSON.
import { createHash, randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { connect } from '../dist/index.js';

const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const board = await connect(process.argv[2], {
  timeoutMs: 60_000,
  onEvent: (event) =>
    (event.type === 'state' || event.type === 'reset') && tell({ event: event.type, state: event.state }),
});
tell({ bootId: board.info.bootId });
let buffer = null;
for await (const line of createInterface({ input: process.stdin })) {
  const [what, size, waitMs = '0'] = line.split(' ');
  if (what === 'upload') {
    const bytes = randomBytes(Number(size));
    const { id } = await board.blobs.put(bytes, { onProgress: ({ doneBytes }) => tell({ doneBytes }) });
    tell({ uploaded: id, right: id === sha256(bytes) });
  } else if (what === 'allocate') {
    buffer = await board.memory.allocate(Number(size));
    await buffer.fill(7);
    tell({ allocated: Number(size) });
  } else if (what === 'digest') {
    tell({ digest: await buffer.digest() });
  } else if (what === 'lease') {
    const onWaiting = ({ holder }) => tell({ waiting: holder });
    const got = await board.lease.acquire({ who: size, waitMs: Number(waitMs), onWaiting }).catch((error) => error);
    tell(got.code ? { failed: { code: got.code, holder: got.fields.holder } } : { lease: size });
  } else if (what === 'close') {
    await board.close();
    tell({ closed: true });
    process.exit();
  }
}
