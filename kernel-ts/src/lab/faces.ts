/**
 * How the quantizer's objects and a step show themselves. `@npulab/quant` knows no display, so its objects get their faces
 * here. Knows cached facts only: showing one computes nothing and asks no board.
 */
import type { ClockEstimate, NpuCounters, StepResult } from '@npulab/board';
import type { Evaluation, LinearStats, LlamaModel, QuantizedModel, SavedModel } from '@npulab/quant';
import {
  type Bundle,
  bytesText,
  card,
  type Displayable,
  grouped,
  jupyterDisplay,
  microsecondsText,
  shownAs,
  significant,
  stacked,
  table,
} from '../display/index.js';

/** Shape, storage and digest of a model that was opened. */
export function modelFace(model: LlamaModel, digest: string): LlamaModel & Displayable {
  return shownAs(model, () =>
    card(`Model: ${model.name}`, { ...modelFacts(model), digest: digest.slice(0, 16) })[jupyterDisplay](),
  );
}

/** The settings a quantized model was made with, and what they did to each kind of linear. */
export function quantizedFace(model: QuantizedModel): QuantizedModel & Displayable {
  const { method, bits, groupSize } = model.settings;
  const calibration = model.calibrationTokens === 0 ? {} : { calibration: `${model.calibrationTokens} tokens` };
  return shownAs(model, () =>
    stacked([
      card(`Quantized model: ${model.name}`, {
        ...modelFacts(model),
        method: `${method}, ${bits} bits, ${groupSize === -1 ? 'one scale per output' : `groups of ${groupSize}`}`,
        'made from': `${model.source.name}, ${bytesText(model.source.sizeBytes)}`,
        ...calibration,
      }),
      table(statsByKind(model.stats), { title: 'Relative error of the linears' }),
    ]),
  );
}

/** Perplexity and, with a reference, the distance to it. */
export function evaluationFace(evaluation: Evaluation): Evaluation & Displayable {
  const { perplexity, nll, tokens, windowTokens, activations, klToReference, klMax, top1Agreement } = evaluation;
  const rows = {
    perplexity,
    'nats per token': nll,
    ...(klToReference === null ? {} : { 'KL to the reference': klToReference, 'largest KL of a token': klMax }),
    ...(top1Agreement === null ? {} : { 'same first choice': `${significant(100 * top1Agreement, 4)} %` }),
    tokens: `${tokens}, in windows of ${windowTokens}`,
    activations,
  };
  return shownAs(evaluation, () => card('Evaluation', rows)[jupyterDisplay]());
}

/** Where a model lies now, in the caller's own words (a report is read on other machines), and the digest that names it. */
export function savedFace(saved: SavedModel, folder: string): SavedModel & Displayable {
  return shownAs(saved, () =>
    card('Saved model', { folder, size: bytesText(saved.sizeBytes), digest: saved.digest.slice(0, 16) })[
      jupyterDisplay
    ](),
  );
}

/** Where a step has come to, and the operators that ran. */
export function stepBundle({ records, state }: StepResult): Promise<Bundle> {
  const modelledUs = records.reduce((sum, record) => sum + (record.modelledUs ?? 0), 0);
  return stacked([
    card(`Step to ${records.at(-1)?.operator ?? 'the same operator'}`, {
      operators: records.length,
      'modelled (NPU only)': microsecondsText(modelledUs),
      position: `${state.position} of ${state.tokens.length} tokens`,
    }),
    table(records as never, {
      columns: ['operator', 'runsOn', 'rows', 'modelledUs', 'cycles', 'bytesRead', 'bytesWritten', 'macs'],
    }),
  ]);
}

/** The board's clock against ours, with the error that no measurement of ours can lower. */
export function clockFace(clock: ClockEstimate): ClockEstimate & Displayable {
  const { offsetMs, errorMs, driftPpm, roundTripMs, samples } = clock;
  return shownAs(clock, () =>
    card('Clock of the board', {
      offset: `${offsetMs.toFixed(3)} ms ± ${errorMs.toFixed(3)} ms`,
      drift: driftPpm === null ? 'not known yet' : `${significant(driftPpm, 3)} ppm`,
      'shortest round trip': `${roundTripMs.toFixed(3)} ms`,
      samples,
    })[jupyterDisplay](),
  );
}

/** What the last start moved, in the NPU's units of 8 bytes and in bytes. */
export function countersFace(counters: NpuCounters): NpuCounters & Displayable {
  const { dataRead, weightsRead, dataWritten, tasksDone, interruptsRaw } = counters;
  const units = (count: number): string => `${grouped(count)} × 8 B = ${bytesText(8 * count)}`;
  return shownAs(counters, () =>
    card('Counters of the NPU', {
      'data read': units(dataRead),
      'weights read': units(weightsRead),
      'data written': units(dataWritten),
      'tasks of the last start': tasksDone,
      'raw interrupts': `0x${interruptsRaw.toString(16)}`,
    })[jupyterDisplay](),
  );
}

function modelFacts({ config, quantizedOperators, sizeBytes }: LlamaModel): Record<string, unknown> {
  const { layers, hidden, heads, kvHeads, vocab, context } = config;
  return {
    shape: `${layers} layers, hidden ${hidden}, ${heads} heads (${kvHeads} KV), vocabulary ${vocab}, context ${context}`,
    linears: quantizedOperators.length === 0 ? 'float' : `${quantizedOperators.length} quantized`,
    weights: bytesText(sizeBytes),
  };
}

/** One row per kind of linear (`mlp.down_proj`), over all layers. */
function statsByKind(stats: readonly LinearStats[]): Record<string, unknown>[] {
  const kinds = new Map<string, LinearStats[]>();
  for (const linear of stats) {
    const kind = linear.operator.replace(/^layers\.\d+\./, '');
    kinds.set(kind, [...(kinds.get(kind) ?? []), linear]);
  }
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  return [...kinds].map(([kind, linears]) => {
    const outputs = linears.flatMap(({ outputError }) => (outputError === null ? [] : [outputError]));
    const error = ({ outputError, weightError }: LinearStats): number => outputError ?? weightError;
    const worst = linears.reduce((most, linear) => (error(linear) > error(most) ? linear : most));
    return {
      linear: kind,
      method: linears[0]?.method,
      'weights, mean': mean(linears.map(({ weightError }) => weightError)),
      'outputs, mean': outputs.length === 0 ? null : mean(outputs),
      worst: worst.layer < 0 ? null : `layer ${worst.layer}: ${significant(error(worst), 3)}`,
    };
  });
}
