/** CurveZMQ: keys in the connection file, as jupyter_client writes them. */
import { afterEach, expect, test } from 'vitest';
import { curveKeyPair, Dealer } from 'zeromq';
import { parseConnection, startServer } from '../../src/protocol/index.js';
import { EchoLanguage } from './echo-language.js';
import { freePorts, hmac } from './front-end.js';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

test('with keys a client that knows them is answered, and one that talks in the clear is not', async () => {
  const { publicKey, secretKey } = curveKeyPair();
  const [shell_port, iopub_port, stdin_port, control_port, hb_port] = await freePorts(5);
  const ports = { shell_port, iopub_port, stdin_port, control_port, hb_port };
  const keys = { curve_publickey: publicKey, curve_secretkey: secretKey };
  const connection = parseConnection({ transport: 'tcp', ip: '127.0.0.1', key: 'k', ...ports, ...keys });
  const language = new EchoLanguage();
  const server = await startServer({ connection, language, log: () => {} });
  ends.push(() => server.close());
  const execute = async (socket: Dealer, id: string, code: string): Promise<void> => {
    ends.push(() => socket.close());
    socket.connect(connection.endpoints.shell);
    const parts = [{ msg_id: id, msg_type: 'execute_request' }, {}, {}, { code }].map((part) => JSON.stringify(part));
    await socket.send(['<IDS|MSG>', hmac('k', parts), ...parts]);
  };
  // The server may have refused the connection before there is anything to send: nothing can be sent then.
  await execute(new Dealer({ linger: 0 }), 'clear', 'value 1').catch((error) => expect(error.code).toBe('EAGAIN'));
  const curve = { curveServerKey: publicKey, curvePublicKey: publicKey, curveSecretKey: secretKey };
  const knowing = new Dealer({ linger: 0, ...curve });
  await execute(knowing, 'curve', 'value 2');
  const frames = (await knowing.receive()).map(String);
  expect(JSON.parse(frames[3]!).msg_id).toBe('curve');
  expect(language.executed.map(({ code }) => code)).toEqual(['value 2']);
});
