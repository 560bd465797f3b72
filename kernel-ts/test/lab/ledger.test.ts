import { describe, expect, it } from 'vitest';
import { Ledger } from '../../src/lab/ledger.js';
import { environmentBundle, environmentMime, provenanceBundle, provenanceMime } from '../../src/lab/provenance.js';

const board = {
  url: 'sim:rk3568',
  backend: 'sim:rk3568',
  soc: 'rk3568',
  modelled: true,
  npuClockHz: 1e9,
  ddrClockHz: 1.56e9,
  agentVersion: '0.1.0',
  driverVersion: '0.1.0',
  timing: [],
};

describe('the ledger', () => {
  it('keeps what was used once, in the order of first use', () => {
    const ledger = new Ledger();
    ledger.add('models', { name: 'tiny', digest: 'aa' });
    ledger.add('models', { name: 'other', digest: 'bb' });
    ledger.add('models', { name: 'tiny', digest: 'aa' });
    ledger.add('boards', board);
    ledger.add('boards', { ...board });
    expect(ledger.models.map(({ name }) => name)).toEqual(['tiny', 'other']);
    expect(ledger.boards).toEqual([board]);
  });

  it('becomes the provenance of a report, apart from the facts of the machine', async () => {
    const ledger = new Ledger();
    ledger.add('boards', board);
    ledger.environment.host = 'a machine';
    const bundle = await provenanceBundle({ question: 'q?', result: 'r.' }, ledger, '0.1.0');
    expect(bundle[provenanceMime]).toEqual({
      ...{ schema: 1, question: 'q?', result: 'r.', kernel: '0.1.0', boards: [board] },
      ...{ models: [], quantizations: [], loads: [], sampling: [], lostEvents: 0 },
    });
    expect(JSON.stringify(bundle)).not.toContain('a machine');
    expect((await environmentBundle(ledger))[environmentMime]).toEqual({ host: 'a machine' });
  });

  it('is copied into the report: later use does not change what was shown', async () => {
    const ledger = new Ledger();
    const bundle = await provenanceBundle({ question: 'q', result: 'r' }, ledger, '0');
    ledger.add('models', { name: 'late', digest: 'cc' });
    expect((bundle[provenanceMime] as { models: unknown[] }).models).toEqual([]);
  });
});
