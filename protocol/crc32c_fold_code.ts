/** Assembles the WebAssembly of `crc32c_fold.ts`: one function for each stage, in the binary format of the standard, 2.0. */

export const VECTOR_BYTES = 16;
/** A round of the loop takes so many, so no lag may be less. */
export const VECTORS_AT_ONCE = 4;

export interface FoldMemory {
  readonly memory: Uint8Array<ArrayBuffer>;
  /**
   * Adds to each vector of [target, end) those that lie `lag` before it for each lag of the stage, seen from a second pointer that begins
   * at `base`, the greatest lag before the vectors that count. Offsets into `memory`; at least one round.
   */
  fold(stage: number, base: number, target: number, end: number): void;
}

interface Lags {
  readonly lags: readonly number[];
}

/** @throws {WebAssembly.CompileError} where there are no vectors */
export function assembleFolds(stages: readonly Lags[], memoryBytes: number): FoldMemory {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(moduleOf(stages, memoryBytes)));
  const folds = stages.map((_, stage) => instance.exports[functionName(stage)] as FoldFunction);
  const memory = new Uint8Array((instance.exports[MEMORY_NAME] as WebAssembly.Memory).buffer as ArrayBuffer);
  return { memory, fold: (stage, base, target, end) => folds[stage]!(base, target, end) };
}

type FoldFunction = (base: number, target: number, end: number) => void;

const MEMORY_NAME = "m";
const functionName = (stage: number) => `f${stage}`;

/** The numbers that the standard gives sections, types and instructions. */
const Section = { TYPE: 1, FUNCTION: 3, MEMORY: 5, EXPORT: 7, CODE: 10 } as const;
const I32 = 0x7f;
const FUNCTION_TYPE = 0x60;
const [EXPORT_FUNCTION, EXPORT_MEMORY] = [0, 2];
const LOOP = 0x03;
const EMPTY_BLOCK = 0x40;
const END = 0x0b;
const BRANCH_IF = 0x0d;
const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;
const LOCAL_TEE = 0x22;
const I32_CONST = 0x41;
const I32_LESS_UNSIGNED = 0x49;
const I32_ADD = 0x6a;
const VECTOR_LOAD = [0xfd, 0x00];
const VECTOR_STORE = [0xfd, 0x0b];
const VECTOR_XOR = [0xfd, 0x51];
const ALIGNED_16 = 4;
const [BASE, TARGET, TARGET_END] = [0, 1, 2];

const PAGE_BYTES = 65_536;

function moduleOf(stages: readonly Lags[], memoryBytes: number): Uint8Array<ArrayBuffer> {
  const magicAndVersion = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  return Uint8Array.from([
    ...magicAndVersion,
    ...section(Section.TYPE, [[FUNCTION_TYPE, 3, I32, I32, I32, 0]]),
    ...section(Section.FUNCTION, stages.map(() => [0])),
    ...section(Section.MEMORY, [[0, ...unsigned(Math.ceil(memoryBytes / PAGE_BYTES))]]),
    ...section(Section.EXPORT, [
      [...name(MEMORY_NAME), EXPORT_MEMORY, 0],
      ...stages.map((_, stage) => [...name(functionName(stage)), EXPORT_FUNCTION, stage]),
    ]),
    ...section(Section.CODE, stages.map((stage) => withSize([0, ...codeOf(stage), END]))),
  ]);
}

/** do { for each vector of a round: target += base at each lag; } while (more) */
function codeOf({ lags }: Lags): number[] {
  const reach = lags.at(-1)!;
  const code = [LOOP, EMPTY_BLOCK];
  for (let vector = 0; vector < VECTORS_AT_ONCE; vector++) {
    const at = vector * VECTOR_BYTES;
    code.push(LOCAL_GET, TARGET!, ...load(TARGET!, at));
    for (const lag of lags) code.push(...load(BASE!, (reach - lag) * VECTOR_BYTES + at), ...VECTOR_XOR);
    code.push(...VECTOR_STORE, ALIGNED_16, ...unsigned(at));
  }
  code.push(...plusRound(BASE!), LOCAL_SET, BASE!, ...plusRound(TARGET!), LOCAL_TEE, TARGET!);
  code.push(LOCAL_GET, TARGET_END!, I32_LESS_UNSIGNED, BRANCH_IF, 0, END);
  return code;
}

const load = (local: number, offset: number) => [LOCAL_GET, local, ...VECTOR_LOAD, ALIGNED_16, ...unsigned(offset)];

function plusRound(local: number): number[] {
  const roundBytes = VECTORS_AT_ONCE * VECTOR_BYTES;
  return [LOCAL_GET, local, I32_CONST, (roundBytes & 0x7f) | 0x80, roundBytes >> 7, I32_ADD];
}

const section = (id: number, items: readonly number[][]) => [
  id,
  ...withSize([...unsigned(items.length), ...items.flat()]),
];
const withSize = (bytes: readonly number[]) => [...unsigned(bytes.length), ...bytes];
const name = (text: string) => withSize([...new TextEncoder().encode(text)]);

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}
