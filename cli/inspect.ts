/**
 * `weir inspect PATH`: what a file or folder of a broker's data holds, and whether it is right. Reads only, takes no lock, and
 * so works beside a running broker. Exit code 1 when something is wrong.
 */
import { initCrc32c } from "../protocol/crc32c.ts";
import { installZstdWhereMissing } from "../protocol/zstd_wasm.ts";
import { FileError, type FileSystem, type Runtime } from "../runtime/runtime.ts";
import { StorageError } from "../storage/errors.ts";
import {
  INDEX_SUFFIX,
  LOG_SUFFIX,
  offsetInName,
  SNAPSHOT_SUFFIX,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from "../storage/segment_files.ts";
import { parseArgs, UsageError } from "./args.ts";
import { inspectOptions } from "./commands.ts";
import { inspectDataFolder, inspectPartitionFolder, isDataFolder, isPartitionFolder } from "./inspect_folder.ts";
import { inspectOffsetIndex, inspectTimeIndex, inspectTransactionIndex } from "./inspect_index.ts";
import { InspectOutput, type Row } from "./inspect_output.ts";
import { inspectSegment } from "./inspect_segment.ts";
import { inspectProducerSnapshot, inspectSmallFile, smallFileKind } from "./inspect_small.ts";
import { decoderOf } from "./inspect_values.ts";

interface Options {
  readonly isJson: boolean;
  readonly hasRecords: boolean;
  readonly isVerified: boolean;
}

export async function run(runtime: Runtime, args: readonly string[]): Promise<number> {
  const parsed = parseArgs(args, inspectOptions);
  if (parsed.positional.length === 0) throw new UsageError("A file or folder is missing");
  await initCrc32c();
  await installZstdWhereMissing();
  const options = { isJson: parsed.has("json"), hasRecords: parsed.has("records"), isVerified: parsed.has("verify") };
  const output = new InspectOutput(runtime.process, options);
  try {
    for (const path of parsed.positional) inspect(runtime.files, path.replace(/(.)\/+$/, "$1"), output, options);
    output.flush();
  } catch (error) {
    if (error instanceof FileError && error.code === "EPIPE") return 0; // Whoever read it has enough.
    if (!(error instanceof FileError || error instanceof StorageError)) throw error;
    output.flush();
    runtime.process.printError(`weir: ${error.message}\n`);
    return 1;
  }
  return output.problemCount === 0 ? 0 : 1;
}

/** @throws {FileError | StorageError | UsageError} */
function inspect(files: FileSystem, path: string, output: InspectOutput, options: Options): void {
  const stat = files.stat(path);
  if (stat === null) throw new UsageError(`There is no file or folder "${path}"`);
  if (stat.kind !== "directory") return inspectFile(files, path, output, options);
  const names = files.list(path);
  if (isPartitionFolder(names)) inspectPartitionFolder(files, path, output, options);
  else if (isDataFolder(names)) inspectDataFolder(files, path, output, options);
  else throw new UsageError(`"${path}" is neither a data folder nor one of a partition`);
}

function inspectFile(files: FileSystem, path: string, output: InspectOutput, options: Options): void {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const folder = path.slice(0, Math.max(0, path.lastIndexOf("/")));
  const what = [...fileKinds].find(([matches]) => matches(name.replace(/\.(deleted|cleaned|swap)$/, "")));
  const small = smallFileKind(name);
  const sizeBytes = files.stat(path)?.sizeBytes ?? 0;
  if (what === undefined && small === null) {
    throw new UsageError(`"${path}" has the name of no file that a broker writes`);
  }
  output.begin(path, what?.[1].what ?? small!, { sizeBytes });
  const decoder = decoderOf(folder.slice(folder.lastIndexOf("/") + 1));
  const facts = what === undefined
    ? inspectSmallFile(files, path, output)
    : what[1].look(files, path, output, { ...options, decoder });
  output.end({ ...facts, problems: output.problemCount });
}

interface FileKind {
  readonly what: string;
  readonly look: (
    files: FileSystem,
    path: string,
    output: InspectOutput,
    options: Options & { readonly decoder: ReturnType<typeof decoderOf> },
  ) => Row;
}

const batchesOf: FileKind["look"] = (files, path, output, { hasRecords, isVerified, ...options }) => {
  const show = hasRecords ? "records" : "batches";
  return { ...inspectSegment(files, path, output, { ...options, show, isDeep: isVerified }) };
};

const fileKinds: ReadonlyMap<(name: string) => boolean, FileKind> = new Map([
  [endsIn(LOG_SUFFIX), { what: "a segment", look: batchesOf }],
  [(name: string) => /^\d{20}-\d{10}\.checkpoint$/.test(name), { what: "a snapshot of the metadata", look: batchesOf }],
  [endsIn(INDEX_SUFFIX), { what: "an offset index", look: shown(inspectOffsetIndex) }],
  [endsIn(TIME_INDEX_SUFFIX), { what: "a time index", look: shown(inspectTimeIndex) }],
  [endsIn(TRANSACTION_INDEX_SUFFIX), {
    what: "an index of aborted transactions",
    look: shown(inspectTransactionIndex),
  }],
  [endsIn(SNAPSHOT_SUFFIX), { what: "a snapshot of producers", look: inspectProducerSnapshot }],
]);

function endsIn(suffix: string): (name: string) => boolean {
  return (name) => offsetInName(name, suffix) !== null;
}

function shown(look: typeof inspectOffsetIndex): FileKind["look"] {
  return (files, path, output) => look(files, path, output, { isShown: true });
}
