/**
 * What this notebook used, in the order it used it: the provenance of its report. Only facts that a second run of the
 * same notebook with the same builds must repeat; what belongs to the machine goes into `environment`.
 */

export interface BoardEntry {
  readonly url: string;
  readonly backend: string;
  readonly soc: string;
  readonly modelled: boolean;
  readonly npuClockHz: number;
  readonly ddrClockHz: number | null;
  readonly agentVersion: string;
  readonly driverVersion: string;
  readonly timing: readonly {
    readonly name: string;
    readonly value: number;
    readonly unit: string;
    readonly source: string;
  }[];
}

export interface QuantizationEntry {
  readonly model: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly calibrationDigest: string | null;
  readonly calibrationTokens: number;
}

/** Collected by the lab, read by `lab.report()`. */
export class Ledger {
  readonly models: { readonly name: string; readonly digest: string }[] = [];
  readonly quantizations: QuantizationEntry[] = [];
  readonly boards: BoardEntry[] = [];
  readonly loads: { readonly manifest: string; readonly backend: string }[] = [];
  readonly sampling: { readonly temperature: number; readonly topP: number; readonly seed: number }[] = [];
  /** Recorded NPU jobs by the digest of their `JOB.json`, which names all their files. */
  readonly captures: { readonly job: string; readonly submits: number; readonly backend: string }[] = [];
  /** Facts of this machine and this moment; a second run may differ. */
  readonly environment: Record<string, string> = {};
  /** Events the link counted as lost, over all boards. */
  lostEvents = 0;

  /** Adds an entry unless the same one is there already. */
  add<Key extends 'models' | 'quantizations' | 'boards' | 'loads' | 'sampling' | 'captures'>(
    list: Key,
    entry: this[Key][number],
  ): void {
    const entries = this[list] as unknown[];
    const text = JSON.stringify(entry);
    if (!entries.some((known) => JSON.stringify(known) === text)) entries.push(entry);
  }
}
