/** What a report carries besides pictures: the notebook it came from, its parameters, provenance, builds and digests. */
import { type AttachmentList, attachmentsOf } from './attachment.js';
import type { CellDigest } from './digest.js';
import { digestsOf } from './digest.js';
import { type Notebook, withoutOutputs } from './notebook.js';

/** MIME types by which a cell hands provenance to the report; `lab.report()` emits both. */
export const provenanceMime = 'application/vnd.npulab.provenance+json';
export const environmentMime = 'application/vnd.npulab.environment+json';

/** Embedded in the HTML as JSON. `schema` only grows. */
export interface ReportRecord {
  readonly schema: 1;
  /** The notebook without outputs: what `npulab verify` runs again. */
  readonly notebook: Notebook;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** From `lab.report()`; empty where no cell called it. */
  readonly provenance: Readonly<Record<string, unknown>>;
  /** Facts about the machine; shown, never compared. */
  readonly environment: Readonly<Record<string, unknown>>;
  /** Versions of the packages and the agent that made the outputs. */
  readonly builds: Readonly<Record<string, string>>;
  readonly cells: readonly CellDigest[];
  /** Files the report holds; absent in reports without any. */
  readonly attachments?: readonly AttachmentList[];
}

function lastJson(notebook: Notebook, mime: string): Record<string, unknown> {
  const found = notebook.cells
    .flatMap((cell) => cell.outputs ?? [])
    .map((output) => output.data?.[mime])
    .findLast((content) => typeof content === 'object' && content !== null);
  return (found ?? {}) as Record<string, unknown>;
}

/** Collects the record of an executed notebook. */
export function recordOf(
  notebook: Notebook,
  parameters: Readonly<Record<string, unknown>>,
  builds: Readonly<Record<string, string>>,
): ReportRecord {
  const attachments = attachmentsOf(notebook);
  return {
    schema: 1,
    notebook: withoutOutputs(notebook),
    parameters,
    provenance: lastJson(notebook, provenanceMime),
    environment: lastJson(notebook, environmentMime),
    builds,
    cells: digestsOf(notebook),
    ...(attachments.length > 0 && { attachments }),
  };
}
