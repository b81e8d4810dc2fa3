/** A data folder with one of everything in it, and what a client sees of it. */

import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fetch } from "../../protocol/api/01_fetch.ts";
import { listOffsets } from "../../protocol/api/02_list_offsets.ts";
import { metadata } from "../../protocol/api/03_metadata.ts";
import { offsetFetch } from "../../protocol/api/09_offset_fetch.ts";
import { describeClientQuotas } from "../../protocol/api/48_describe_client_quotas.ts";
import { alterClientQuotas } from "../../protocol/api/49_alter_client_quotas.ts";
import { wholeBatches } from "../../protocol/batch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { crc32c } from "../../protocol/crc32c.ts";
import { kafkaToolsCommand } from "./kafka_tools.ts";
import { until, withTimeout } from "./broker.ts";
import { AnsweredError, type Place } from "./requests.ts";
import { TestClient } from "./test_client.ts";

const program = join(dirname(fileURLToPath(import.meta.url)), "KafkaFolder.java");

/** Filling takes ten seconds, three times that on a busy machine. */
const fillTimeoutMs = 120_000;
/** A process that is to say where it is has this long for it. */
const dumpTimeoutMs = 5_000;

/**
 * Writes topics, records and groups to a broker by Kafka's own clients; `KafkaFolder.java` says which. Some waits of theirs have no
 * bound: all of it has one, and when that is over the error says at what step the program was, and in which call.
 */
export async function fillFolder(address: string, { timeoutMs = fillTimeoutMs } = {}): Promise<void> {
  const [java, ...args] = kafkaToolsCommand(program, address);
  const child = spawn(java, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => output += text);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const step = () => /(?:^|\n)step: (.*)(?![\s\S]*\nstep: )/.exec(output)?.[1] ?? "its start";
  try {
    const code = await withTimeout(ended, timeoutMs, () => `KafkaFolder has not ended; it is at: ${step()}`);
    if (code !== 0 || !output.includes("done")) {
      throw new Error(`KafkaFolder ended with ${code}, at: ${step()}\n${output}`);
    }
  } catch (cause) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) throw cause;
    const said = output;
    child.kill("SIGQUIT"); // and it prints what its threads are at
    const main = () => /^"main" .*\n(?:[ \t].*\n)*(?=\s*\n)/m.exec(output.slice(said.length))?.[0] ?? "";
    await until(() => main() !== "", { timeoutMs: dumpTimeoutMs }).catch(() => {});
    child.kill("SIGKILL");
    await ended;
    throw new Error(`${(cause as Error).message}\n${main()}\n${said}`, { cause });
  }
}

/** Sets how many bytes a second a client id may produce; null unsets it. */
export async function limitClient(port: number, clientId: string, bytesPerSecond: number | null): Promise<void> {
  const client = await TestClient.connect(port);
  const op = { key: "producer_byte_rate", value: bytesPerSecond ?? 0, remove: bytesPerSecond === null };
  const entity = [{ entityType: "client-id", entityName: clientId }];
  const { entries } = await client.send(alterClientQuotas, 1, {
    entries: [{ entity, ops: [op] }],
    validateOnly: false,
  });
  client.close();
  const errorCode = entries[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (errorCode !== ErrorCode.NONE) throw new AnsweredError(errorCode, `Cannot limit "${clientId}"`);
}

/** What limits are set for client ids, in a line each. */
export async function limitsOfClients(port: number): Promise<string[]> {
  const client = await TestClient.connect(port);
  const { entries } = await client.send(describeClientQuotas, 1, { components: [], strict: false });
  client.close();
  return (entries ?? []).map(({ entity, values }) =>
    `${entity[0]?.entityName} ${values.map(({ key, value }) => `${key}=${value}`).join(" ")}`
  );
}

export interface LogPicture {
  readonly earliest: number;
  readonly latest: number;
  readonly lastStable: number;
  /** Of every batch: offsets, attributes, producer, checksum. The leader epoch is left out, for a start may begin a new one. */
  readonly batches: readonly string[];
  readonly bytesCrc: number;
  /** As told to a reader of committed records. */
  readonly aborted: readonly { readonly producerId: number; readonly firstOffset: number }[];
  /** Answers to questions for offsets by time. */
  readonly byTime: readonly string[];
}

/** What a client can find out of every topic that is not internal, by `topic-partition`. Waits until all have leaders. */
export async function takePicture(port: number): Promise<Record<string, LogPicture>> {
  let picture: Record<string, LogPicture> | null = null;
  await until(async () => {
    picture = await tryPicture(port);
    return picture !== null;
  }, { timeoutMs: 20_000, what: "A leader for every partition" });
  return picture!;
}

/** null: not all partitions have leaders that know it. */
async function tryPicture(port: number): Promise<Record<string, LogPicture> | null> {
  const client = await TestClient.connect(port);
  try {
    const { topics } = await client.send(metadata, 9, { topics: null, allowAutoTopicCreation: false });
    const picture: Record<string, LogPicture> = {};
    for (
      const { name, partitions } of topics.toSorted((one, other) => (one.name ?? "") < (other.name ?? "") ? -1 : 1)
    ) {
      if (name === null || name.startsWith("__")) continue;
      for (const { partitionIndex: partition, errorCode } of partitions) {
        if (errorCode === ErrorCode.LEADER_NOT_AVAILABLE) return null;
        if (errorCode !== 0) throw new Error(`${name}-${partition} has error ${errorCode}`);
        picture[`${name}-${partition}`] = await takeLogPicture(client, { topic: name, partition });
      }
    }
    return picture;
  } catch (error) {
    if (error instanceof AnsweredError && error.code === ErrorCode.NOT_LEADER_OR_FOLLOWER) return null;
    throw error;
  } finally {
    client.close();
  }
}

/** A group's committed offset for partition 0 of a topic. */
export async function committedOffset(port: number, groupId: string, topic: string): Promise<number> {
  const client = await TestClient.connect(port);
  try {
    const topics = [{ name: topic, partitionIndexes: [0] }];
    const answer = await client.send(offsetFetch, 7, { groupId, topics, requireStable: true });
    return answer.topics[0]?.partitions[0]?.committedOffset ?? NaN;
  } finally {
    client.close();
  }
}

async function takeLogPicture(client: TestClient, place: Place): Promise<LogPicture> {
  const offsetAt = async (timestamp: number, isolationLevel = 0) => {
    const partitions = [{ partitionIndex: place.partition, timestamp }];
    const draft = { replicaId: -1, isolationLevel, topics: [{ name: place.topic, partitions }] };
    const answer = (await client.send(listOffsets, 7, draft)).topics[0]?.partitions[0];
    if (answer === undefined || answer.errorCode !== 0) {
      throw new AnsweredError(answer?.errorCode ?? -1, "Cannot list offsets");
    }
    return { offset: answer.offset, timestamp: answer.timestamp };
  };
  const { offset: earliest } = await offsetAt(-2);
  const { offset: latest } = await offsetAt(-1);
  const all = await fetchAll(client, place, { from: earliest, to: latest, isolationLevel: 0 });
  const { offset: lastStable } = await offsetAt(-1, 1);
  const { aborted } = await fetchAll(client, place, { from: earliest, to: lastStable, isolationLevel: 1 });
  const byTime: string[] = [];
  for (const timestamp of all.times) {
    for (const asked of [timestamp, timestamp + 1]) {
      const { offset, timestamp: found } = await offsetAt(asked);
      byTime.push(`${asked}: ${offset} ${found}`);
    }
  }
  return { earliest, latest, lastStable, batches: all.batches, bytesCrc: all.bytesCrc, aborted, byTime };
}

async function fetchAll(
  client: TestClient,
  { topic, partition }: Place,
  { from, to, isolationLevel }: { readonly from: number; readonly to: number; readonly isolationLevel: number },
) {
  const batches: string[] = [];
  const aborted = new Map<string, { producerId: number; firstOffset: number }>();
  const times = new Set<number>();
  let bytesCrc = 0;
  for (let next = from; next < to;) {
    const response = await client.send(fetch, 12, {
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: 50_000,
      isolationLevel,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [{ topic, partitions: [{ partition, fetchOffset: next, partitionMaxBytes: 50_000 }] }],
      forgottenTopicsData: [],
      rackId: "",
    });
    const result = response.responses[0]?.partitions[0];
    if (result === undefined || result.errorCode !== 0) throw new Error(`Fetch answers ${result?.errorCode}`);
    for (const entry of result.abortedTransactions ?? []) {
      aborted.set(`${entry.producerId} ${entry.firstOffset}`, entry);
    }
    const before = next;
    for (const batch of wholeBatches(result.records ?? new Uint8Array(0))) {
      if (batch.lastOffset < next) continue;
      if (!batch.isCrcValid()) throw new Error(`The batch at ${batch.baseOffset} fails its checksum`);
      const producer = `${batch.producerId} ${batch.producerEpoch} ${batch.baseSequence}`;
      batches.push(`${batch.baseOffset}–${batch.lastOffset} ${batch.attributes} ${producer} ${batch.crc}`);
      bytesCrc = (bytesCrc * 31 + crc32c(batch.recordBytes, 0)) >>> 0;
      times.add(batch.maxTimestamp);
      next = batch.nextOffset;
    }
    // What a cleaner removed from the end of a log leaves offsets without a batch.
    if (next === before) break;
  }
  const found = [...aborted.values()].sort((one, other) => one.firstOffset - other.firstOffset);
  // Some of the times are enough, the first and the last among them.
  const asked = [...times].sort((one, other) => one - other).filter((_, at, { length }) =>
    at % 9 === 0 || at === length - 1
  );
  return { batches, bytesCrc, aborted: found, times: asked };
}
