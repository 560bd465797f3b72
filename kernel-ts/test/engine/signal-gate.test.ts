import { expect, test } from 'vitest';
import { SignalGate } from '../../dist/engine/child/signal-gate.js';

test('a signal passes while nothing listens or a script waits for it, and never where it would end the process', () => {
  const main = new SignalGate();
  const worker = new SignalGate(main.memory);
  const sent: string[] = [];
  const pass = (when: string) => worker.pass(() => sent.push(when));
  pass('before');
  pass('before, again');
  main.close();
  pass('while the handler changes');
  main.open();
  pass('in the script');
  pass('in the script, again');
  main.free();
  pass('after');
  expect(sent).toEqual(['before', 'before, again', 'in the script', 'after']);
});
