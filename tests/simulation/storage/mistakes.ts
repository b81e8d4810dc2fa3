/**
 * Mistakes that storage code is known to make, each as an edit of the real code. An edit that no longer fits fails its test:
 * the mistake then wants planting anew.
 */

import type { Edit } from "../planted.ts";

export interface Mistake {
  readonly name: string;
  /** Of `hunt.ts`, or "compaction": the cleaner with a power cut at every step. */
  readonly play: "random" | "flipped" | "rot" | "compaction";
  /** The first seed that found it when it was planted. */
  readonly seed: number;
  readonly edits: readonly Edit[];
}

export const MISTAKES: readonly Mistake[] = [
  {
    name: "ack before sync",
    play: "random",
    seed: 1,
    edits: [["storage/log_sync.ts", "await segments[0]!.log.sync();", "void segments[0]!.log.sync();"]],
  },
  {
    name: "index written before log and trusted",
    play: "random",
    seed: 2,
    edits: [
      [
        "storage/segment_index.ts",
        "      this.#bytesSinceEntry = 0;\n    }\n    this.#bytesSinceEntry += batch.sizeBytes;",
        "      this.#bytesSinceEntry = 0;\n      this.#offsets!.entries.flush();\n      this.#times!.entries.flush();\n    }\n" +
        "    this.#bytesSinceEntry += batch.sizeBytes;",
      ],
      ["storage/segment_index.ts", "entry.position === 0 || !this.#isPositionTrue(entry)", "entry.position === 0"],
      ["storage/segment_index.ts", "last !== null && !this.#isTimeTrue(last)", "last === undefined"],
      ["storage/recovery.ts", "if (recoveryPoint <= segment.baseOffset) {", "if (recoveryPoint < 0) {"],
      ["storage/recovery.ts", "segment.index.resumeBefore(recoveryPoint)", "segment.index.resumeBefore(Infinity)"],
    ],
  },
  {
    name: "missing directory sync",
    play: "random",
    seed: 1,
    edits: [
      ["storage/log_sync.ts", "    syncs.push(() => files.syncDirectoryAsync(this.#directory));\n", ""],
      ["storage/log_sync.ts", "    files.syncDirectory(this.#directory);\n", ""],
    ],
  },
  {
    name: "a truncation that forgets producer state",
    play: "random",
    seed: 1,
    edits: [["storage/truncation.ts", "    producers.truncateTo(endOffset); // 4\n", ""]],
  },
  {
    name: "a compaction swap that is not atomic",
    play: "compaction",
    seed: 0,
    edits: [
      ["storage/segment_replacement.ts", "      for (const segment of old) segment.retire(); // 4\n", ""],
      [
        "storage/segment_replacement.ts",
        "      this.#nameSwap(cleaned); // 2\n",
        "      for (const segment of old) segment.retire();\n      this.#nameSwap(cleaned);\n",
      ],
    ],
  },
  {
    name: "recovery that stops at the first bad batch of an old segment instead of reporting it",
    play: "rot",
    seed: 1,
    edits: [["storage/recovery.ts", "if (cut.endOffset >= recoveryPoint ||", "if (cut.endOffset >= 0 ||"]],
  },
  {
    name: "recovery that trusts one read",
    play: "flipped",
    seed: 2,
    edits: [
      ["storage/scan.ts", "        if (position === secondLookAt) return", "        if (position !== null) return"],
      ["storage/scan.ts", "isDoubted = position + at !== secondLookAt &&", "isDoubted = position < 0 &&"],
    ],
  },
  {
    name: "recovery that writes again what it has read once",
    play: "flipped",
    seed: 1,
    edits: [["storage/segment.ts", "readSteadily(this.log, chunk, at)", "this.log.read(chunk, at)"]],
  },
  {
    name: "a checkpoint that is read once",
    play: "flipped",
    seed: 1,
    edits: [[
      "storage/atomic_file.ts",
      "ifPresent(() => steadily(path, () => files.readFile(path)))",
      "ifPresent(() => files.readFile(path))",
    ]],
  },
  {
    name: "a cleaner that trusts one read",
    play: "flipped",
    seed: 10,
    edits: [[
      "storage/cleaner_reader.ts",
      "await readSteadilyAsync(this.segment.log, target,",
      "await this.segment.log.readAsync(target,",
    ]],
  },
  {
    name: "a scrub that trusts one read",
    play: "flipped",
    seed: 3,
    edits: [["storage/scrub.ts", "cause instanceof StorageError && check.lookAgain()", "check.position < 0"]],
  },
  {
    name: "aborted transactions that are read once",
    play: "flipped",
    seed: 2,
    edits: [["storage/aborted_transactions.ts", "readSteadily(this.file, bytes, 0)", "this.file.read(bytes, 0)"]],
  },
  {
    name: "a reader that trusts one read",
    play: "flipped",
    seed: 43,
    edits: [[
      "storage/segment_reader.ts",
      "if (!(error instanceof SeemsWrong)) throw error;",
      "if (error instanceof Error) throw error;",
    ]],
  },
];
