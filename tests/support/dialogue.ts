/**
 * A conversation with a broker whose answers are noted so that two brokers can be compared: what differs by chance
 * (ids, ports, the present time, wording) is replaced by labels, batches by what their headers say.
 *
 * Names of topics and groups get a suffix of this conversation, taken off again in the notes, so that a broker can be
 * talked to more than once.
 */

import { createTopics } from "../../protocol/api/19_create_topics.ts";
import { findCoordinator } from "../../protocol/api/10_find_coordinator.ts";
import { heartbeat } from "../../protocol/api/12_heartbeat.ts";
import { initProducerId } from "../../protocol/api/22_init_producer_id.ts";
import { listOffsets } from "../../protocol/api/02_list_offsets.ts";
import { metadata } from "../../protocol/api/03_metadata.ts";
import { type BatchView, MalformedBatch, wholeBatches } from "../../protocol/batch.ts";
import { ErrorCode, errorName } from "../../protocol/errors.ts";
import { decodeRecords } from "../../protocol/record.ts";
import { type Api, ZERO_UUID } from "../../protocol/schema.ts";
import { until, withTimeout } from "./broker.ts";
import { ConnectionClosed, TestClient } from "./test_client.ts";

/** What was asked, and the answer without chance; by version where it was asked at several. */
export type Notes = Record<string, unknown>;

export interface AskOptions<Response> {
  readonly client?: TestClient;
  /** What of the answer is noted; all of it when left out. */
  readonly view?: (response: Response) => unknown;
  /** An answer that is only for now: it is asked again. */
  readonly isPassing?: (response: Response) => boolean;
}

const answerTimeoutMs = 5_000;
/** A fixed moment of the past for records whose time does not matter; noted as "ago". */
export const longAgoMs = 1_700_000_000_000;
const dayMs = 24 * 60 * 60 * 1000;
const uuidPattern = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

export class Dialogue {
  readonly notes: Notes = {};
  readonly #suffix: string;
  readonly #labels = new Map<string, string>();
  readonly #counts = new Map<string, number>();
  readonly #clients: TestClient[] = [];
  #main: TestClient | null = null;

  constructor(readonly port: number, run: string) {
    this.#suffix = `.${run}`;
  }

  /** A topic's or group's name in this conversation. */
  named(name: string): string {
    return name + this.#suffix;
  }

  /** A connection of its own, closed at the end. */
  async connect(clientId = "asker"): Promise<TestClient> {
    const client = await TestClient.connect(this.port, { clientId });
    this.#clients.push(client);
    return client;
  }

  /** The connection that questions go over when they name none. */
  async main(): Promise<TestClient> {
    if (this.#main === null || this.#main.isClosed) this.#main = await this.connect();
    return this.#main;
  }

  /** Asks and notes the answer; gives it, or null when the connection was closed instead. */
  async ask<Q, QD, R, RD>(
    label: string,
    api: Api<Q, QD, R, RD>,
    version: number,
    draft: QD,
    options: AskOptions<R> = {},
  ): Promise<R | null> {
    const response = await this.#answer(api, version, draft, options);
    this.#note(label, response === null ? "closed" : this.plain(options.view?.(response) ?? response));
    return response;
  }

  /** Asks the same at each of several versions; versions with equal answers share a note. */
  async askEach<Q, QD, R, RD>(
    label: string,
    api: Api<Q, QD, R, RD>,
    versions: readonly [min: number, max: number],
    draft: (version: number) => QD,
    options: AskOptions<R> = {},
  ): Promise<void> {
    const answers: { min: number; max: number; answer: unknown }[] = [];
    for (let version = versions[0]; version <= versions[1]; version++) {
      const response = await this.#answer(api, version, draft(version), options);
      const answer = response === null ? "closed" : this.plain(options.view?.(response) ?? response);
      const last = answers[answers.length - 1];
      if (last !== undefined && JSON.stringify(last.answer) === JSON.stringify(answer)) last.max = version;
      else answers.push({ min: version, max: version, answer });
    }
    for (const { min, max, answer } of answers) {
      this.#note(`${label}, ${min === max ? `v${min}` : `v${min}-${max}`}`, answer);
    }
  }

  /** Notes an answer that was asked for elsewhere. */
  note(label: string, value: unknown): void {
    this.#note(label, this.plain(value));
  }

  /** Sends bytes, no length in front, and notes the frame that comes back as `decode` reads it, or "closed". */
  async exchange(label: string, bytes: Uint8Array, decode: (payload: Uint8Array) => unknown): Promise<void> {
    const client = await this.main();
    const frame = new Uint8Array(4 + bytes.length);
    new DataView(frame.buffer).setInt32(0, bytes.length);
    frame.set(bytes, 4);
    client.sendBytes(frame);
    this.#note(label, await orClosed(client.nextFrame().then((payload) => this.plain(decode(payload))), label));
  }

  /** A topic that takes records when this resolves; gives its name here and its id. */
  async topic(
    name: string,
    { partitionCount = 1, configs = {} }: { partitionCount?: number; configs?: Readonly<Record<string, string>> } = {},
  ): Promise<{ name: string; topicId: string }> {
    const client = await this.main();
    const full = this.named(name);
    const all = { "retention.ms": "-1", ...configs };
    const { topics } = await client.send(createTopics, 7, {
      topics: [{
        name: full,
        numPartitions: partitionCount,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(all).map(([key, value]) => ({ name: key, value })),
      }],
      timeoutMs: 30_000,
    });
    const { errorCode = ErrorCode.UNKNOWN_SERVER_ERROR, errorMessage = null, topicId = "" } = topics[0] ?? {};
    if (errorCode !== ErrorCode.NONE) {
      throw new Error(`Cannot create "${name}": ${errorName(errorCode)} ${errorMessage}`);
    }
    this.#labels.set(topicId, `<id of ${name}>`);
    await until(() => this.#isServed(client, full, topicId, partitionCount), { what: `Topic "${name}"` });
    return { name: full, topicId };
  }

  /** A group whose coordinator answers when this resolves. */
  async group(name: string): Promise<string> {
    const client = await this.main();
    const groupId = this.named(name);
    await until(async () => {
      const found = await client.send(findCoordinator, 0, { key: groupId });
      if (found.errorCode !== ErrorCode.NONE) return false;
      const beat = await client.send(heartbeat, 0, { groupId, generationId: 1, memberId: "nobody" });
      return beat.errorCode === ErrorCode.UNKNOWN_MEMBER_ID;
    }, { what: `The coordinator of "${name}"`, timeoutMs: 30_000 });
    return groupId;
  }

  /** A new producer's id. */
  async producerId(): Promise<number> {
    const client = await this.main();
    let given = -1;
    await until(async () => {
      const draft = { transactionalId: null, transactionTimeoutMs: 60_000 };
      const { errorCode, producerId } = await client.send(initProducerId, 5, draft);
      given = producerId;
      return errorCode === ErrorCode.NONE;
    }, { what: "A producer id" });
    return given;
  }

  /** Gives a value that comes up by chance a name. */
  label(value: string | number, label: string): void {
    this.#labels.set(`${value}`, label);
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  /** A value as JSON, without chance. */
  plain(value: unknown): unknown {
    return this.#plain(value, "");
  }

  async #answer<Q, QD, R, RD>(
    api: Api<Q, QD, R, RD>,
    version: number,
    draft: QD,
    options: AskOptions<R>,
  ): Promise<R | null> {
    const client = options.client ?? await this.main();
    let answer: R | null = null;
    await until(async () => {
      const given = await orClosed(client.send(api, version, draft, { timeoutMs: answerTimeoutMs }), api.name);
      answer = given === "closed" ? null : given as R;
      return answer === null || !(options.isPassing?.(answer) ?? false);
    }, { what: `An answer to ${api.name} that stays`, timeoutMs: 30_000 });
    return answer;
  }

  #note(label: string, value: unknown): void {
    if (label in this.notes) throw new Error(`"${label}" is noted twice`);
    this.notes[label] = value;
  }

  async #isServed(client: TestClient, name: string, topicId: string, partitionCount: number): Promise<boolean> {
    const partitions = Array.from({ length: partitionCount }, (_, index) => ({ partitionIndex: index, timestamp: -1 }));
    const { topics } = await client.send(listOffsets, 1, { replicaId: -1, topics: [{ name, partitions }] });
    const described = await client.send(metadata, 12, { topics: [{ name: null, topicId }] });
    return (topics[0]?.partitions.every(({ errorCode }) => errorCode === ErrorCode.NONE) ?? false) &&
      described.topics[0]?.errorCode === ErrorCode.NONE;
  }

  #plain(value: unknown, field: string): unknown {
    if (value === null || typeof value === "boolean") return value;
    if (typeof value === "number") return this.#plainNumber(value, field);
    if (typeof value === "string") return this.#plainString(value, field);
    if (value instanceof Uint8Array) return field === "records" ? this.#batches(value) : [...value].join(" ");
    if (Array.isArray(value)) {
      if (field === "brokers" || field === "nodeEndpoints") return value.map(() => "<broker>");
      return inOrder(value, field).map((item) => this.#plain(item, field));
    }
    const plain: Record<string, unknown> = {};
    for (const [name, part] of Object.entries(value as Record<string, unknown>)) {
      if (!isLeftOut(name, part)) plain[name] = this.#plain(part, name);
    }
    return plain;
  }

  #plainNumber(value: number, field: string): unknown {
    if (/^(partitionE|e)rrorCode$/.test(field)) return errorName(value);
    if (/timestamp|TimeMs/i.test(field)) {
      if (Math.abs(value - Date.now()) < dayMs) return "<now>";
      if (Math.abs(value - longAgoMs) < dayMs) {
        return `ago${value < longAgoMs ? "-" : "+"}${Math.abs(value - longAgoMs)}`;
      }
    }
    if (field === "producerId" && value >= 0) {
      return this.#labels.get(`${value}`) ?? this.#newLabel(`${value}`, "producer");
    }
    if (field === "port" && value > 0) return "<port>";
    return value;
  }

  #plainString(value: string, field: string): string {
    if (field === "host" && value !== "") return "<host>";
    const label = this.#labels.get(value);
    if (label !== undefined) return label;
    if (field === "topicId" && value !== ZERO_UUID) return this.#newLabel(value, "topic");
    return value.replaceAll(this.#suffix, "")
      .replaceAll(uuidPattern, (uuid) => this.#labels.get(uuid) ?? this.#newLabel(uuid, "uuid"));
  }

  #newLabel(value: string, kind: string): string {
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    const label = `<${kind} ${count}>`;
    this.#labels.set(value, label);
    return label;
  }

  #batches(bytes: Uint8Array): string[] {
    return Array.from(wholeBatches(bytes), (batch) => this.#batch(batch));
  }

  #batch(batch: BatchView): string {
    const facts = [`${batch.baseOffset}-${batch.lastOffset}: ${batch.recordCount} records at ${this.#times(batch)}`];
    if (!batch.isCrcValid()) facts.push("bad crc");
    if (batch.attributes !== 0) facts.push(`attributes ${batch.attributes}`);
    if (batch.partitionLeaderEpoch !== 0) facts.push(`leader epoch ${batch.partitionLeaderEpoch}`);
    facts.push(`latest ${this.#plainNumber(batch.maxTimestamp, "timestamp")}`);
    if (batch.producerId >= 0) facts.push(`sequence ${batch.baseSequence} of epoch ${batch.producerEpoch}`);
    else if (batch.baseSequence !== -1) facts.push(`sequence ${batch.baseSequence}`);
    return facts.join(", ");
  }

  #times(batch: BatchView): string {
    try {
      return Array.from(decodeRecords(batch), ({ timestamp }) => this.#plainNumber(timestamp, "timestamp")).join(" ");
    } catch (error) {
      if (error instanceof MalformedBatch) return "unreadable";
      throw error;
    }
  }
}

/** What fields say in most answers, or where a version lacks them. */
const usual: Readonly<Record<string, unknown>> = {
  clusterAuthorizedOperations: -2147483648,
  isInternal: false,
  name: "",
  preferredReadReplica: -1,
  skipAssignment: false,
  topic: "",
  topicAuthorizedOperations: -2147483648,
  topicId: ZERO_UUID,
};

/** Wording, and what says nothing. */
function isLeftOut(name: string, value: unknown): boolean {
  if (value === undefined || name === "throttleTimeMs" || /message$/i.test(name) || usual[name] === value) return true;
  if (/^(nodeEndpoints|offlineReplicas|oldStyleOffsets|records)$/.test(name)) {
    return (value as { readonly length: number }).length === 0;
  }
  return /^(divergingEpoch|currentLeader|snapshotId)$/.test(name) &&
    Object.values(value as object).every((n) => n === -1);
}

/** Members and groups come in no particular order. */
function inOrder(list: readonly unknown[], field: string): readonly unknown[] {
  if (field !== "members" && field !== "groups") return list;
  const key = (item: unknown) => {
    const { memberId = "", groupInstanceId = "", groupId = "" } = item as Record<string, string>;
    return `${groupId} ${groupInstanceId} ${memberId.replace(uuidPattern, "")}`;
  };
  return [...list].sort((a, b) => key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
}

async function orClosed<Value>(answer: Promise<Value>, what: string): Promise<Value | "closed"> {
  try {
    return await withTimeout(answer, answerTimeoutMs, () => `No answer to "${what}"`);
  } catch (error) {
    if (error instanceof ConnectionClosed) return "closed";
    throw error;
  }
}
