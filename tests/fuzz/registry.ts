/**
 * What must be given random input, by the conventions of our own source, and which random test does it.
 *
 * A decoder takes bytes, a batch, or a file of them; or is called as one. A state machine is what `step.ts` exports, what gives a state
 * and what is to be done about it, what makes a plan of a request, and what applies or replays records.
 */
import { dirname, join, normalize } from "node:path/posix";
import type { SourceFile } from "../support/source.ts";

/** One export of one file, as "path name". */
export type Target = string;

/** What no random test names, and what that one names hands random input on to it. */
export const reachedThrough: Readonly<Record<Target, readonly Target[]>> = {
  // Whatever a request holds: every api at every version is asked of a broker, in requests_fuzz_test.ts.
  "tests/support/memory_broker.ts MemoryBroker": [
    "server/connection.ts Connection",
    "server/dispatch.ts dispatch",
    "server/partitions/partition.ts Partition",
    "server/partitions/batch_check.ts checkBatch",
    "server/partitions/batch_check.ts nextBatchSize",
    "server/transactions/produced_transaction.ts isTransactionalBatch",
    "server/transactions/produced_transaction.ts ProducedTransaction",
    "server/groups/offset_readers.ts readError",
    // A broker that starts on damaged logs, in coordinator_logs_fuzz_test.ts.
    "server/groups/shard.ts GroupShard",
    "server/share/coordinator/share_shard.ts ShareShard",
    "server/transactions/shard.ts TransactionShard",
    "server/groups/classic/step.ts restoredGroup",
  ],
  "server/transactions/step.ts step": ["server/transactions/step.ts identityError"],
  "server/groups/classic/step.ts step": [
    "server/groups/classic/draft.ts persisted",
    "server/groups/classic/draft.ts Draft",
  ],
  "server/share/partition/step.ts step": ["server/share/partition/acquire.ts acquire"],
  "server/groups/consumer/step.ts step": [
    "server/groups/consumer/step.ts refusedAnswer",
    "server/groups/consumer/conversion.ts assignmentBytes",
  ],
  "server/groups/loader.ts loadPartition": [
    "server/groups/modern/stored.ts StoredParts",
    "server/groups/modern/stored.ts StoredGroups",
  ],
  "server/groups/consumer/patterns/pattern.ts compilePattern": [
    "server/groups/consumer/patterns/syntax.ts parsePattern",
  ],
  "server/cluster/topic_plans.ts planTopic": ["server/cluster/topic_plans.ts checkAssignment"],
  "server/cluster/records.ts decodeMetadataRecord": ["server/cluster/client_quota_record.ts decodeClientQuota"],
  "server/telemetry/report.ts readReport": [
    "protocol/embedded/otlp_metrics.ts decodeMetricsData",
    "protocol/protobuf.ts protobufFields",
    "protocol/protobuf.ts ProtobufField",
  ],
  "protocol/embedded/offsets_log.ts decodeOffsetCommitValue": ["protocol/embedded/versioned.ts decodeVersioned"],
  "protocol/compression.ts decompress": [
    "protocol/lz4.ts decompressLz4",
    "protocol/snappy.ts decompressSnappy",
  ],
  "protocol/record.ts decodeRecords": [
    "protocol/record.ts plainRecordBytes",
    "protocol/batch.ts isCut",
    "protocol/batch.ts readInt16",
    "protocol/batch.ts readInt32",
    "protocol/batch.ts readInt64",
  ],
  "protocol/message_set.ts messages": [
    "protocol/message_set.ts messageProblem",
    "protocol/message_set.ts messagesInside",
    "protocol/message_set.ts messageSizeBytes",
    "protocol/message_set.ts MessageView",
  ],
  "storage/clean_sizes.ts takeCleanSizes": ["storage/clean_sizes.ts readCleanSizes"],
  "storage/meta_properties.ts openMetaProperties": ["storage/meta_properties.ts parseMetaProperties"],
  "storage/producer_snapshot.ts decodeProducerSnapshot": ["storage/producer_snapshot.ts readProducerSnapshot"],
  "storage/aborted_transactions.ts AbortedTransactionIndex": [
    "storage/aborted_transactions.ts decodeAbortedTransactions",
  ],
  "storage/offset_index.ts OffsetIndex": ["storage/index_file.ts IndexFile"],
  // A whole data folder, damaged and crashed: storage_crash_sim_test.ts, storage_fuzz_test.ts, recovery_fuzz_test.ts.
  "storage/log_dir.ts LogDir": [
    "storage/clean_shutdown.ts takeCleanShutdown", // no decoder: of the marker only its name is read
    "storage/atomic_file.ts readTextIfPresent",
    "storage/atomic_file.ts readBytesIfPresent",
    "storage/segment.ts Segment",
    "storage/cleaner_key_map.ts KeyMap",
    "storage/segment_check.ts SegmentCheck",
    "storage/segment_reader.ts SegmentReader",
    "storage/log_read.ts batchSizeAt",
    "storage/log_read.ts lastOffsetAt",
    "storage/log_read.ts walkTo",
    "storage/log_read.ts walkWithin",
    "storage/log_read.ts OwnedRead",
    "storage/steady_read.ts steadily",
    "storage/steady_read.ts readSteadily",
    "storage/steady_read.ts readSteadilyAsync",
    "storage/cleaner_writer.ts CleanerWriter",
    "storage/compaction_plan.ts planCompaction",
    "storage/compaction_plan.ts groupSegments",
    "storage/slow_syncs.ts SlowSyncs",
    "storage/log_loader.ts loadLog",
    "storage/producer_log.ts ProducerLog",
    "storage/log_dir_loader.ts loadLogs",
    "storage/cold_reads.ts NotInMemory",
    "storage/cold_reads.ts LoadedRange",
    "storage/cold_reads.ts ColdReads",
    "storage/segment_index.ts SegmentIndex",
    "storage/file_pool.ts PooledFile",
    "storage/log_sync.ts LogSync",
    "storage/log_health.ts LogHealth",
    "storage/log_writer.ts LogWriter",
    "storage/producer_state.ts ProducerState",
    "storage/map_pool.ts MapPool",
    "storage/producer_entry.ts ProducerEntry",
    "storage/deleted_folders.ts DeletedFolders",
    "storage/cleaner_records.ts shiftTimestamps",
    "storage/cleaner_records.ts RecordCursor",
    "storage/log.ts Log",
    "storage/cleaner.ts Cleaner",
    "storage/cleaner_filter.ts BatchFilter",
    "storage/cleaner_reader.ts CleanerReader",
    "storage/scan.ts scan",
    "storage/tail.ts Tail",
  ],
};

const product = new Set(["protocol", "server", "storage"]);
/** What a decoder takes. */
const input = /\b(?:Uint8Array|Reader|BatchView|RecordView|MessageView)\b/;
const storedInput = /\b(?:FileSystem|FilePool|PooledFile|StorageContext)\b/;
const decoderName =
  /^(?:decode|read|parse|decompress|unpack|load|take|scan|replay|restore)(?![a-z])|^(?:restored|replayed)/;
/** These take bytes to write or to sum them up: whatever the bytes are, the answer is right. */
const notDecoder = /^(?:encode|write|compress|joined|crc32|hash|murmur2|xxh|partitionForKey|give|copy|pass|put|sync)/;
/** A state, and what comes of it. */
const machineResult = /^\s*:\s*\[\s*(?:readonly )?\w*(?:State|Instance)\b/;
const machineName = /^(?:step|plan[A-Z]\w*|planned|apply)$/;

/** Every decoder and state machine that a file exports. */
export function targetsOf(file: SourceFile): Target[] {
  if (!product.has(file.folder) || file.path.startsWith("server/handlers/") || file.path.startsWith("protocol/api/")) {
    return []; // Every api at every version is in requests_fuzz_test.ts, and has no entry of its own.
  }
  const isMachine = /(?:\/|_)step\.ts$|_plans?\.ts$/.test(file.path);
  const found: Target[] = [];
  for (const { name, parameters, result } of exportedFunctions(file.code)) {
    const isDecoder = (input.test(parameters) && !notDecoder.test(name)) ||
      (decoderName.test(name) && parameters.trim() !== "");
    if (isDecoder || isMachine || machineName.test(name) || machineResult.test(result)) {
      found.push(`${file.path} ${name}`);
    }
  }
  for (const { name, members } of exportedClasses(file.code)) {
    const isTarget = members.some((member) =>
      (input.test(member.parameters) && !notDecoder.test(member.name)) || machineName.test(member.name) ||
      (/^(?:constructor|open)$/.test(member.name) && storedInput.test(member.parameters))
    );
    if (isTarget) found.push(`${file.path} ${name}`);
  }
  return found;
}

/** What random tests name: each file under tests/ that draws from a seed, and what it draws in of tests/. */
export function namedByRandomTests(files: readonly SourceFile[]): ReadonlyMap<Target, string> {
  const tests = new Map(files.filter(({ folder }) => folder === "tests").map((file) => [file.path, file]));
  const named = new Map<Target, string>();
  for (const test of tests.values()) {
    if (!/^tests\/(?:fuzz|simulation)\/.*_test\.ts$/.test(test.path)) continue;
    const own = new Set<string>();
    reach(test.path, own);
    if (!own.has("tests/support/prng.ts")) continue;
    for (const path of own) {
      if (path.startsWith("tests/support/")) continue; // what all tests use is named by none
      for (const target of valuesImported(tests.get(path)!)) if (!named.has(target)) named.set(target, test.path);
    }
  }
  return named;

  function reach(path: string, into: Set<string>): void {
    const file = tests.get(path);
    if (file === undefined || into.has(path)) return;
    into.add(path);
    for (const target of valuesImported(file)) reach(target.slice(0, target.indexOf(" ")), into);
  }
}

/** What a file imports to use it, types left out. */
export function valuesImported({ path, text }: SourceFile): Target[] {
  return [...text.matchAll(/^import \{([^}]*)\} from "(\.[^"]+)"/gm)].flatMap(([, names, module]) => {
    const from = normalize(join(dirname(path), module!));
    return names!.split(",").map((name) => name.trim()).filter((name) => name !== "" && !name.startsWith("type "))
      .map((name) => `${from} ${name.split(" as ")[0]}`);
  });
}

// ---------------------------------------------------------------------------------------------- below: how

interface Callable {
  readonly name: string;
  readonly parameters: string;
}

function exportedFunctions(code: string): (Callable & { readonly result: string })[] {
  const heads = /^export (?:async )?(?:function\*? (\w+)|const (\w+)[^=\n]*= (?:async )?)(?:<[^(\n]*>)?\(/gm;
  return [...code.matchAll(heads)].map((head) => {
    const start = head.index + head[0].length;
    const parameters = bracketed(code, start - 1);
    const end = start + parameters.length + 1;
    return { name: (head[1] ?? head[2])!, parameters, result: code.slice(end, end + 100) };
  });
}

function exportedClasses(code: string): { readonly name: string; readonly members: readonly Callable[] }[] {
  return [...code.matchAll(/^export (?:abstract )?class (\w+)[^{]*\{/gm)].map((head) => {
    const body = bracketed(code, head.index + head[0].length - 1);
    const members = [...body.matchAll(/^ {2}(?:static )?(?:async )?\*?(\w+)(?:<[^(\n]*>)?\(/gm)].map((member) => ({
      name: member[1]!,
      parameters: bracketed(body, member.index + member[0].length - 1),
    }));
    return { name: head[1]!, members };
  });
}

/** What stands between the bracket at `start` and the one that closes it. */
function bracketed(code: string, start: number): string {
  let depth = 0;
  for (let at = start; at < code.length; at++) {
    if ("([{".includes(code[at]!)) depth++;
    else if (")]}".includes(code[at]!) && --depth === 0) return code.slice(start + 1, at);
  }
  return code.slice(start + 1);
}
