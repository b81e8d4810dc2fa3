/**
 * Checkpoint files: a few numbers per line, for a whole data folder (recovery points, log start offsets) or one partition
 * (leader epochs). Text, as Kafka's:
 *
 *   0                         version
 *   2                         count of the lines that follow
 *   orders 0 4711             topic, partition, offset           leader epochs: epoch, first offset
 *   orders 1 12
 *
 * (1) A file is replaced as a whole (`atomic_file.ts`): it is never seen half written.
 * (2) What cannot be understood is an error, never an empty checkpoint: an empty recovery checkpoint only costs time, but
 *     a lost log start offset brings deleted records back.
 */
import { type FileSystem } from "../runtime/runtime.ts";
import { readTextIfPresent, writeFileAtomically, writeFileAtomicallyAsync } from "./atomic_file.ts";
import { StorageError } from "./errors.ts";

export const RECOVERY_POINT_FILE = "recovery-point-offset-checkpoint";
/** Per compacted log: up to where the cleaner has been. */
export const CLEANER_OFFSET_FILE = "cleaner-offset-checkpoint";
export const LOG_START_OFFSET_FILE = "log-start-offset-checkpoint";

const VERSION = "0";

/** The lines of a checkpoint, split into their words; none when there is no file. */
export function readCheckpointLines(files: FileSystem, path: string, wordCount: number): string[][] {
  const text = readTextIfPresent(files, path);
  if (text === null || text === "") return [];
  const lines = text.split("\n");
  if (lines[0] !== VERSION && /^\d+$/.test(lines[0] ?? "")) {
    throw new StorageError(
      `Cannot understand checkpoint "${path}": its version is "${
        lines[0]
      }", this program knows "${VERSION}"; start the program ` +
        "that wrote it",
      "VERSION",
    );
  }
  if (lines[0] !== VERSION) throw damaged(path, `its version is "${lines[0]}" and must be "${VERSION}"`);
  const count = wholeNumber(lines[1]);
  if (count === null) throw damaged(path, `its count is "${lines[1]}"`);
  const entries: string[][] = [];
  for (let index = 0; index < count; index++) {
    const line = lines[index + 2];
    const words = line?.split(" ") ?? [];
    if (words.length !== wordCount || words.includes("")) throw damaged(path, `line ${index + 3} is "${line ?? ""}"`);
    entries.push(words);
  }
  if (lines.slice(count + 2).some((line) => line !== "")) throw damaged(path, `it has more than ${count} entries`); // (2)
  return entries;
}

export function writeCheckpointLines(files: FileSystem, path: string, lines: readonly string[]): void {
  writeFileAtomically(files, path, textOf(lines));
}

/** The same, its syncs off the loop (`writeFileAtomicallyAsync`). */
export function writeCheckpointLinesAsync(
  files: FileSystem,
  path: string,
  lines: readonly string[],
  isOvertaken: () => boolean,
): Promise<void> {
  return writeFileAtomicallyAsync(files, path, textOf(lines), isOvertaken);
}

function textOf(lines: readonly string[]): string {
  const body = lines.length === 0 ? "" : lines.join("\n") + "\n";
  return `${VERSION}\n${lines.length}\n${body}`;
}

/** Offsets by `topic-partition`. */
export function readOffsetCheckpoint(files: FileSystem, path: string): Map<string, number> {
  const offsets = new Map<string, number>();
  for (const [topic, partition, offset] of readCheckpointLines(files, path, 3)) {
    const value = wholeNumber(offset);
    if (value === null) throw damaged(path, `the offset of "${topic}-${partition}" is "${offset}"`);
    offsets.set(`${topic}-${partition}`, value);
  }
  return offsets;
}

export interface OffsetCheckpointEntry {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export function writeOffsetCheckpoint(files: FileSystem, path: string, entries: Iterable<OffsetCheckpointEntry>): void {
  const lines: string[] = [];
  for (const { topic, partition, offset } of entries) lines.push(`${topic} ${partition} ${offset}`);
  writeCheckpointLines(files, path, lines);
}

/** A number as it is written here, null for anything else: nothing, which `Number` takes for 0, among it. */
function wholeNumber(text: string | undefined): number | null {
  const value = text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(value) ? value : null;
}

function damaged(path: string, reason: string): StorageError {
  return new StorageError(
    `Cannot understand checkpoint "${path}": ${reason}; restore it from a backup or remove it`,
    "CORRUPT",
  );
}
