/** A request socket alone: what nobody but its owner can see. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Dealer } from 'zeromq';
import { Writer } from '../../src/protocol/message.js';
import { Signer } from '../../src/protocol/signature.js';
import { openRequests } from '../../src/protocol/sockets/requests.js';
import { hmac } from './front-end.js';

test('a message that is asked for before its wake-up is seen is handed out all the same', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'npulab-socket-'));
  const signer = new Signer('sha256', 'k');
  const seen: unknown[] = [];
  let handedOut = (): void => {};
  const requests = await openRequests({
    ...{ name: 'shell', endpoint: `ipc://${join(folder, 'shell')}`, signer, security: {}, log: () => {} },
    writer: new Writer(signer, { session: 's', username: 'u' }),
    onMessage: ({ content }) => {
      seen.push(content.number);
      handedOut();
    },
  });
  requests.start();
  const client = new Dealer({ linger: 0 });
  client.connect(requests.endpoint);
  for (let number = 1; number <= 20; number++) {
    const arrived = new Promise<void>((resolve) => {
      handedOut = resolve;
    });
    const parts = [{ msg_id: `${number}`, msg_type: 'x' }, {}, {}, { number }].map((part) => JSON.stringify(part));
    await new Promise((resolve) => setImmediate(resolve)); // the socket waits for its next message now
    await client.send(['<IDS|MSG>', hmac('k', parts), ...parts]);
    // No turn of the event loop until the message is there: the question comes first, whatever the machine does.
    while (!requests.readable) {}
    await arrived;
  }
  expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  client.close();
  requests.close();
  rmSync(folder, { recursive: true });
});
