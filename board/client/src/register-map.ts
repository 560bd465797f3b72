/**
 * Registers by name and command words from them. Knows how words are packed (sheet §3.1) and nothing else: every name, bit
 * and order is what the board sent.
 */
import { BoardError } from './errors.js';

/** A bit range of a register. */
export interface RegisterField {
  name: string;
  msb: number;
  lsb: number;
  doc: string;
}

/** A register. */
export interface RegisterInfo {
  /** Block and name: `CNA.DATA_SIZE0`. */
  name: string;
  /** Offset from the window's base. */
  offset: number;
  doc: string;
  /** Section of the hardware sheet. */
  source: string;
  fields: readonly RegisterField[];
}

/** A block of registers. */
export interface RegisterBlock {
  name: string;
  /** Target of command words; null where they cannot reach it. */
  target: number | null;
  base: number;
  registers: readonly RegisterInfo[];
}

/** A known mix of blocks. */
export interface TaskMix {
  /** `convolution`, `convolutionRdma`, `dpu`, `pooling`. */
  name: string;
  /** Start mask. */
  mask: number;
  /** Offsets of the registers a full task writes, in order. */
  writes: readonly number[];
}

/** A register's value: whole, or field by field (others 0). */
export type RegisterValue = number | Readonly<Record<string, number>>;

/** Where a task's tail leads. */
export interface NextTask {
  /** Device address of the next task's first word, a multiple of 16. */
  address: number;
  /** Its words. */
  words: number;
}

/** Targets of the two operations of a task's end (sheet §3.1). */
const barrier = 0x0041n << 48n;
const enable = (mask: number) => (0x0081n << 48n) | (BigInt(mask) << 16n) | 0x0008n;
/** `S_POINTER` of every vendor task: both pointers alternate by themselves (sheet §2.1). */
const alternating = 0x0e;

/** The register map of a board's NPU. */
export class RegisterMap {
  readonly blocks: readonly RegisterBlock[];
  readonly mixes: readonly TaskMix[];
  readonly #byName = new Map<string, { register: RegisterInfo; block: RegisterBlock }>();
  readonly #byOffset = new Map<number, RegisterInfo>();

  constructor(blocks: readonly RegisterBlock[], mixes: readonly TaskMix[]) {
    this.blocks = blocks;
    this.mixes = mixes;
    for (const block of blocks) {
      for (const register of block.registers) {
        this.#byName.set(register.name, { register, block });
        this.#byOffset.set(register.offset, register);
      }
    }
  }

  /** The register of a name such as `CNA.DATA_SIZE0`; fails with `board.bad-argument`. */
  register(name: string): RegisterInfo {
    return this.#named(name).register;
  }

  /** A register's value from its fields. Fails where a field is unknown or its value does not fit. */
  value(name: string, value: RegisterValue): number {
    const { register } = this.#named(name);
    if (typeof value === 'number') return unsigned(value, 0xffff_ffff, name);
    let bits = 0n;
    for (const [key, number] of Object.entries(value)) {
      const field = register.fields.find((one) => one.name === key);
      if (!field) {
        const known = register.fields.map((one) => one.name).join(', ');
        throw new BoardError('board.bad-argument', `${name} has no field ${key}; it has ${known}`);
      }
      const most = 2 ** (field.msb - field.lsb + 1) - 1;
      bits |= BigInt(unsigned(number, most, `${name} ${key}`)) << BigInt(field.lsb);
    }
    return Number(bits);
  }

  /** One command word that writes a register. */
  word(name: string, value: RegisterValue): bigint {
    const { register, block } = this.#named(name);
    if (block.target === null) throw new BoardError('board.bad-argument', `No command word reaches ${name}`);
    return (BigInt(block.target) << 48n) | (BigInt(this.value(name, value)) << 16n) | BigInt(register.offset);
  }

  /**
   * A full task: every register of the mix in the vendor's order, 0 where `values` names none, pointers that alternate, then
   * the tail. `next`: the task that follows in the chain.
   * @example map.task('convolution', { 'CNA.DATA_SIZE0': { DATAIN_WIDTH: 8, DATAIN_HEIGHT: 1 } })
   */
  task(mixName: string, values: Readonly<Record<string, RegisterValue>>, next?: NextTask): BigUint64Array {
    const mix = this.mixes.find((one) => one.name === mixName);
    if (!mix) {
      const known = this.mixes.map((one) => one.name).join(', ');
      throw new BoardError('board.bad-argument', `No mix ${mixName}; there is ${known}`);
    }
    const written = mix.writes.map((offset) => this.#byOffset.get(offset)!.name);
    for (const name of Object.keys(values)) {
      if (!written.includes(name))
        throw new BoardError('board.bad-argument', `A ${mixName} task does not write ${name}`);
    }
    const value = (name: string) => values[name] ?? (name.endsWith('.S_POINTER') ? alternating : 0);
    return BigUint64Array.from([
      ...written.map((name) => this.word(name, value(name))),
      this.word('PC.BASE_ADDRESS', next?.address ?? 0),
      this.word('PC.REGISTER_AMOUNTS', next ? next.words - 1 : 0),
      barrier,
      enable(mix.mask),
    ]);
  }

  #named(name: string) {
    const found = this.#byName.get(name);
    if (!found) throw new BoardError('board.bad-argument', `No register ${name}; names look like CNA.DATA_SIZE0`);
    return found;
  }
}

function unsigned(value: number, most: number, what: string): number {
  if (!Number.isInteger(value) || value < 0 || value > most) {
    throw new BoardError('board.bad-argument', `${what} is ${value}; it must be a whole number from 0 to ${most}`);
  }
  return value;
}
