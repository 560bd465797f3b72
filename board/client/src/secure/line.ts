/** Noise on a serial line: above the ARQ, one record per frame. Knows channels, since these overtake each other: each counts its own nonces. */
import type { FrameCipher, LineHandshake } from '../link/serial-link.js';
import { NoiseHandshake } from './noise.js';
import { preface } from './preface.js';
import { refused } from './stream.js';

const channelBit = 63n;

/** The handshake of a host with this key. Fails with `board.key-refused`. */
export function lineHandshake(key: Uint8Array, name: string): LineHandshake {
  return async (line, signal) => {
    const start = preface(key);
    const handshake = new NoiseHandshake(true, key, start);
    line.send(0, [start, handshake.write(new Uint8Array(0))]);
    const answer = await line.nextFrame(signal).catch((cause) => {
      throw refused(name, `no answer came (${(cause as Error).message})`);
    });
    try {
      handshake.read(answer);
    } catch (cause) {
      throw refused(name, (cause as Error).message);
    }
    return frameCipher(handshake.split());
  };
}

/** Seals and opens frames of both channels. */
export function frameCipher({ send, receive }: ReturnType<NoiseHandshake['split']>): FrameCipher {
  const sealed = [0n, 0n];
  const opened = [0n, 0n];
  const nonce = (channel: 0 | 1, count: bigint) => (BigInt(channel) << channelBit) | count;
  return {
    seal: (channel, pieces) => send.seal(nonce(channel, sealed[channel]!++), pieces),
    open: (channel, bytes) => receive.open(nonce(channel, opened[channel]!++), bytes),
  };
}
