/**
 * The only member of a group: reads all partitions of the topic, commits as it goes, and after a break goes on from what is
 * committed. Checks that nothing is missing, repeated or out of order on its way.
 */

import { fetch } from "../../protocol/api/01_fetch.ts";
import { offsetCommit } from "../../protocol/api/08_offset_commit.ts";
import { offsetFetch } from "../../protocol/api/09_offset_fetch.ts";
import { findCoordinator } from "../../protocol/api/10_find_coordinator.ts";
import { joinGroup } from "../../protocol/api/11_join_group.ts";
import { syncGroup } from "../../protocol/api/14_sync_group.ts";
import { type BatchView, wholeBatches } from "../../protocol/batch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { decodeRecords } from "../../protocol/record.ts";
import { isPassing } from "./kill_producer.ts";
import { AnsweredError } from "./requests.ts";
import { TestClient } from "./test_client.ts";

export interface ConsumerOptions {
  readonly port: number;
  readonly topic: string;
  readonly group: string;
  readonly partitionCount: number;
  readonly recordsPerPartition: number;
  readonly brokerIsBack: () => Promise<void>;
}

const partitionBytesMax = 256 * 1024;
/** Rounds of fetching between two commits. */
const roundsPerCommit = 5;

export class KillConsumer {
  /** Offsets whose commit was answered, and those of the last commit that was sent. */
  readonly committed: number[];
  readonly #options: ConsumerOptions;
  readonly #committing: number[];
  /** Next offset to read. */
  #positions: number[];
  #memberId = "";
  #generation = -1;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.committed = new Array<number>(options.partitionCount).fill(0);
    this.#committing = [...this.committed];
    this.#positions = [...this.committed];
  }

  /** Ends when every record was read and the last offsets are committed. */
  async run(): Promise<void> {
    for (;;) {
      await this.#options.brokerIsBack();
      let client: TestClient | null = null;
      try {
        client = await TestClient.connect(this.#options.port, { clientId: "kill-consumer" });
        await this.#join(client);
        await this.#goOn(client);
        for (let round = 1; !this.#isDone(); round++) {
          await this.#read(client);
          if (round % roundsPerCommit === 0) await this.#commit(client);
        }
        await this.#commit(client);
        return;
      } catch (error) {
        if (!isPassing(error)) throw error;
      } finally {
        client?.close();
      }
    }
  }

  #isDone(): boolean {
    return this.#positions.every((offset) => offset === this.#options.recordsPerPartition);
  }

  async #join(client: TestClient): Promise<void> {
    const { group } = this.#options;
    const found = await client.send(findCoordinator, 3, { key: group, keyType: 0 });
    check(found.errorCode, "find the coordinator");
    for (;;) {
      const joined = await client.send(joinGroup, 5, {
        groupId: group,
        sessionTimeoutMs: 45_000,
        rebalanceTimeoutMs: 60_000,
        memberId: this.#memberId,
        protocolType: "consumer",
        protocols: [{ name: "range", metadata: new Uint8Array(0) }],
      });
      if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
        this.#memberId = joined.memberId;
      } else if (joined.errorCode === ErrorCode.UNKNOWN_MEMBER_ID && this.#memberId !== "") {
        this.#memberId = "";
      } else {
        check(joined.errorCode, "join the group");
        this.#memberId = joined.memberId;
        this.#generation = joined.generationId;
        break;
      }
    }
    const synced = await client.send(syncGroup, 3, {
      groupId: group,
      generationId: this.#generation,
      memberId: this.#memberId,
      assignments: [{ memberId: this.#memberId, assignment: new Uint8Array([1]) }],
    });
    check(synced.errorCode, "sync the group");
  }

  /** Takes the committed offsets as positions; none may be older than what was acknowledged, nor newer than what was sent. */
  async #goOn(client: TestClient): Promise<void> {
    const { topic, group } = this.#options;
    const answer = await client.send(offsetFetch, 7, {
      groupId: group,
      topics: [{ name: topic, partitionIndexes: this.#positions.map((_, partition) => partition) }],
      requireStable: false,
    });
    check(answer.errorCode, "fetch offsets");
    for (const { partitionIndex, committedOffset, errorCode } of answer.topics[0]?.partitions ?? []) {
      check(errorCode, "fetch offsets");
      const offset = Math.max(0, committedOffset);
      const [least, most] = [this.committed[partitionIndex] as number, this.#committing[partitionIndex] as number];
      if (offset < least || offset > most) {
        throw new Error(
          `${topic}-${partitionIndex} goes on at ${offset}; ${least} was committed and ${most} asked for`,
        );
      }
      this.#positions[partitionIndex] = offset;
    }
  }

  async #read(client: TestClient): Promise<void> {
    const { topic } = this.#options;
    const answer = await client.send(fetch, 11, {
      maxWaitMs: 200,
      minBytes: 1,
      maxBytes: 8 * 1024 * 1024,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [{
        topic,
        partitions: this.#positions.map((fetchOffset, partition) => ({
          partition,
          fetchOffset,
          partitionMaxBytes: partitionBytesMax,
        })),
      }],
      forgottenTopicsData: [],
    });
    check(answer.errorCode, "fetch");
    for (const { partitionIndex, errorCode, records } of answer.responses[0]?.partitions ?? []) {
      check(errorCode, `fetch from ${topic}-${partitionIndex}`);
      for (const batch of wholeBatches(records ?? new Uint8Array(0))) {
        this.#positions[partitionIndex] = checkBatch(batch, partitionIndex, this.#positions[partitionIndex] as number);
      }
    }
  }

  async #commit(client: TestClient): Promise<void> {
    const { topic, group } = this.#options;
    const offsets = [...this.#positions];
    offsets.forEach((offset, partition) => this.#committing[partition] = offset);
    const answer = await client.send(offsetCommit, 7, {
      groupId: group,
      generationIdOrMemberEpoch: this.#generation,
      memberId: this.#memberId,
      topics: [{
        name: topic,
        partitions: offsets.map((committedOffset, partitionIndex) => ({
          partitionIndex,
          committedOffset,
          committedMetadata: "",
        })),
      }],
    });
    for (const { errorCode } of answer.topics[0]?.partitions ?? []) check(errorCode, "commit offsets");
    offsets.forEach((offset, partition) => this.committed[partition] = offset);
  }
}

/** Checks every record from offset `next` on and returns the offset after the last. */
export function checkBatch(batch: BatchView, partition: number, next: number): number {
  if (!batch.isCrcValid()) throw new Error(`Partition ${partition}: the batch at ${batch.baseOffset} has a wrong CRC`);
  for (const { offset, value } of decodeRecords(batch)) {
    if (offset < next) continue; // the batch began before the offset that was asked for
    if (offset !== next) throw new Error(`Partition ${partition}: offset ${offset} comes where ${next} should`);
    const text = String.fromCharCode(...(value ?? []));
    if (!text.startsWith(`${partition}:${offset} `)) {
      throw new Error(`Partition ${partition}: the record at offset ${offset} is "${text}"`);
    }
    next++;
  }
  return next;
}

function check(errorCode: number, what: string): void {
  if (errorCode !== ErrorCode.NONE) throw new AnsweredError(errorCode, `Cannot ${what}`);
}
