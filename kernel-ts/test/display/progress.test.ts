import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type Bundle, createDisplay, Progress } from '../../src/display/index.js';

function recorded(
  steps: (progress: Progress, advance: (ms: number) => void) => void,
): { text: unknown; update: boolean }[] {
  const shown: { text: unknown; update: boolean }[] = [];
  let nowMs = 0;
  const sink = (bundle: Bundle, update: boolean): void => void shown.push({ text: bundle['text/plain'], update });
  steps(new Progress(sink, { label: 'load', total: 10, unit: 'bytes', now: () => nowMs }), (ms) => {
    nowMs += ms;
  });
  return shown;
}

describe('progress', () => {
  it('shows at most ten pictures a second and always the end', () => {
    const shown = recorded((progress, advance) => {
      for (let done = 1; done <= 9; done += 1) {
        progress.update(done);
        advance(30);
      }
      progress.done();
    });
    expect(shown).toEqual([
      { text: 'load · 10 % · 1 / 10 bytes', update: false },
      { text: 'load · 50 % · 5 / 10 bytes', update: true },
      { text: 'load · 90 % · 9 / 10 bytes', update: true },
      { text: 'load · done · 10 bytes', update: true },
    ]);
  });

  it('is its line among other values, before, while and after it moves', () => {
    const lines: string[] = [];
    recorded((progress) => {
      lines.push(inspect(progress));
      progress.update(5);
      lines.push(inspect([progress]));
      progress.done();
      lines.push(inspect(progress));
    });
    expect(lines).toEqual(['load · 0 % · 0 / 10 bytes', '[ load · 50 % · 5 / 10 bytes ]', 'load · done · 10 bytes']);
  });

  it('tells the time that is left once it has seen a second of work, at the rate since it began', () => {
    const shown = recorded((progress, advance) => {
      progress.update(2);
      advance(900);
      progress.update(3);
      advance(900);
      progress.update(4);
      advance(300_000);
      progress.update(5);
      advance(60_000_000);
      progress.update(6);
      progress.done();
    });
    expect(shown.map(({ text }) => text)).toEqual([
      'load · 20 % · 2 / 10 bytes',
      'load · 30 % · 3 / 10 bytes',
      'load · 40 % · 4 / 10 bytes · about 5 s left',
      'load · 50 % · 5 / 10 bytes · about 8 min left',
      'load · 60 % · 6 / 10 bytes · about 17 h left',
      'load · done · 10 bytes',
    ]);
  });

  it('measures the rate anew where another stage begins to count', () => {
    const shown = recorded((progress, advance) => {
      progress.update(9, 'hashing');
      advance(5000);
      progress.update(1, 'sending', 100);
      advance(2000);
      progress.update(3, 'sending', 100);
    });
    expect(shown.map(({ text }) => text)).toEqual([
      'load · 90 % · 9 / 10 bytes · hashing',
      'load · 1 % · 1 / 100 bytes · sending',
      'load · 3 % · 3 / 100 bytes · about 97 s left · sending',
    ]);
  });

  it('says why it stopped', () => {
    const shown = recorded((progress) => {
      progress.update(4);
      progress.fail('cancelled');
    });
    expect(shown.at(-1)).toEqual({ text: 'load · stopped · 4 / 10 bytes · cancelled', update: true });
  });

  it('is marked volatile, so that a report does not compare how far it was seen', () => {
    const calls: unknown[] = [];
    const host = { display: (_data: Bundle, options?: unknown) => void calls.push(options), hold: () => undefined };
    createDisplay(host, () => 0)
      .progress('upload', 1)
      .done();
    expect(calls).toEqual([
      {
        displayId: expect.stringMatching(/^npulab-progress-[0-9a-f]{8}-1$/),
        update: false,
        metadata: { npulab: { volatile: true, progress: true } },
      },
    ]);
  });
});

describe('display', () => {
  it('keeps the order of the calls, though some values take longer to draw', async () => {
    const shown: unknown[] = [];
    const held: Promise<unknown>[] = [];
    const { display } = createDisplay(
      { display: (data) => void shown.push(data['text/plain']), hold: (work) => void held.push(work) },
      () => 0,
    );
    let finish = (): void => undefined;
    const slow = new Promise<void>((done) => {
      finish = done;
    });
    void display({ [Symbol.for('Jupyter.display')]: () => slow.then(() => ({ 'text/plain': 'slow' })) });
    void display('fast');
    finish();
    await Promise.all(held);
    expect(shown).toEqual(['slow', "'fast'"]);
  });
});
