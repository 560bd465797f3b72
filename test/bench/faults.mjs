// Ten thousand bad serial lines on each side (NPULAB_FAULT_RUNS), in virtual time and by seeds: bytes that were taken and never
// sent, runs that came to no end, and what the faults cost. The runs are those of the tests, which make a few hundred.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { testModule } from './_test-module.mjs';

const runs = Number(process.env.NPULAB_FAULT_RUNS ?? 10_000);
const manifest = fileURLToPath(new URL('../../board/Cargo.toml', import.meta.url));
const example = ['run', '--release', '--quiet', '--locked', '-p', 'link', '--example', 'fault_runs'];

/** The board's line machine, in a process of its own. */
async function boardTally() {
  const { stdout, stderr } = await promisify(execFile)('cargo', [
    ...example,
    '--manifest-path',
    manifest,
    '--',
    `${runs}`,
  ]);
  process.stderr.write(stderr);
  const told = JSON.parse(stdout);
  return { ...told, wrong: told.wrongFrames, seeds: `0 to ${told.runs - 1}` };
}

/** The host's, here; failing seeds go to standard error. */
async function hostTally() {
  const { faultKinds, firstSeed, runsOf } = await testModule('board/client/test/uart/exchange.ts');
  const names = Object.keys(faultKinds);
  const perFault = Math.ceil(runs / names.length);
  const tally = { runs: 0, wrong: 0, hangs: 0, sentPdus: 0, repeatedPdus: 0, longestMs: 0, longestSeed: 0 };
  for (const name of names) {
    for (const { seed, outcome } of runsOf(name, perFault)) {
      if (outcome.corruptBytes > 0 || outcome.hang || outcome.broken > 0) console.error(name, seed, outcome);
      tally.runs += 1;
      tally.wrong += outcome.corruptBytes;
      tally.hangs += outcome.hang === null && outcome.broken === 0 ? 0 : 1;
      tally.sentPdus += outcome.sentPdus;
      tally.repeatedPdus += outcome.repeatedPdus;
      if (outcome.virtualMs > tally.longestMs) [tally.longestMs, tally.longestSeed] = [outcome.virtualMs, seed];
    }
  }
  return { ...tally, seeds: `${firstSeed(names[0])} and up, ${perFault} for each of ${names.length} faults` };
}

function rowsOf(side, wrongUnit, tally) {
  return [
    { name: `${side}: bad lines`, value: tally.runs, unit: 'runs', note: `seeds ${tally.seeds}` },
    { name: `${side}: taken and never sent`, value: tally.wrong, unit: wrongUnit, goal: '0' },
    { name: `${side}: runs without an end`, value: tally.hangs, unit: 'runs', goal: '0' },
    {
      name: `${side}: data PDUs sent again`,
      value: tally.repeatedPdus,
      unit: 'PDUs',
      against: { what: 'PDUs sent', value: tally.sentPdus },
    },
    {
      name: `${side}: longest run`,
      value: tally.longestMs / 1000,
      unit: 's of virtual time',
      note: `seed ${tally.longestSeed}`,
    },
  ];
}

export async function bench() {
  const board = boardTally();
  const host = await hostTally();
  return [...rowsOf('host (TypeScript)', 'bytes', host), ...rowsOf('board (Rust)', 'frames', await board)];
}
