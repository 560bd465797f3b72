/** The facts a report proves itself with. What a second run must repeat is kept apart from what belongs to this machine. */
import { type Bundle, card, type Displayable, jupyterDisplay } from '../display/index.js';
import type { Attachable } from './attachment.js';
import type { Ledger } from './ledger.js';

/** MIME type of the provenance in a notebook's outputs; the report reads it from there. */
export const provenanceMime = 'application/vnd.npulab.provenance+json';
/** MIME type of the facts about the machine; never compared. */
export const environmentMime = 'application/vnd.npulab.environment+json';

/** What the author says about the run. */
export interface ReportFacts {
  /** The question the notebook answers, in one sentence. */
  readonly question: string;
  /** The answer, in one sentence. */
  readonly result: string;
  /**
   * Files that go with the report, by name: a recorded job of `board.npu.capture` becomes a link in it, and `npulab extract` takes it out
   * for `npulab-npu run`. Fails with `lab.attachment-too-large` above `attachLimitBytes` (compressed; default 2 MiB).
   */
  readonly attach?: Readonly<Record<string, Attachable>>;
  readonly attachLimitBytes?: number;
}

/** The compared part: question, result and everything the ledger holds. */
export async function provenanceBundle(
  { question, result }: ReportFacts,
  ledger: Ledger,
  kernelVersion: string,
): Promise<Bundle> {
  const { models, quantizations, boards, loads, sampling, captures, lostEvents } = ledger;
  const shown: Displayable = card('Provenance', {
    question,
    result,
    'back end': boards.map((board) => board.backend).join(', ') || 'none',
    models: models.map(({ name, digest }) => `${name} (${digest.slice(0, 12)})`).join(', ') || 'none',
    quantized: quantizations.map(({ settings }) => `${settings.method} ${settings.bits}-bit`).join(', ') || 'none',
    'loaded manifests': loads.map(({ manifest }) => manifest.slice(0, 12)).join(', ') || 'none',
    ...(captures.length > 0 && { 'recorded jobs': captures.map(({ job }) => job.slice(0, 12)).join(', ') }),
    kernel: kernelVersion,
    'lost events': lostEvents,
  });
  const provenance = {
    schema: 1,
    question,
    result,
    kernel: kernelVersion,
    models,
    quantizations,
    boards,
    loads,
    sampling,
    ...(captures.length > 0 && { captures }),
    lostEvents,
  };
  return { ...(await shown[jupyterDisplay]()), [provenanceMime]: structuredClone(provenance) };
}

/** The part that belongs to this machine. */
export async function environmentBundle(ledger: Ledger): Promise<Bundle> {
  const shown = card('Machine of this run', ledger.environment);
  return { ...(await shown[jupyterDisplay]()), [environmentMime]: { ...ledger.environment } };
}
