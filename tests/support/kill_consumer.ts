/**
 * The only member of a group: reads all topics along, commits as it goes, and after a break goes on from what is committed.
 * What it is shown goes into the ledgers; its committed offsets may not be older than what was acknowledged, nor newer than
 * what it asked for.
 */

import { fetch } from "../../protocol/api/01_fetch.ts";
import { offsetCommit } from "../../protocol/api/08_offset_commit.ts";
import { offsetFetch } from "../../protocol/api/09_offset_fetch.ts";
import { findCoordinator } from "../../protocol/api/10_find_coordinator.ts";
import { joinGroup } from "../../protocol/api/11_join_group.ts";
import { syncGroup } from "../../protocol/api/14_sync_group.ts";
import { wholeBatches } from "../../protocol/batch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { pause } from "./broker.ts";
import { LedgerError, LedgerPass, type PartitionLedger } from "./kill_ledger.ts";
import { isPassing } from "./kill_producer.ts";
import { recordsOf } from "./kill_records.ts";
import { AnsweredError, startOffset } from "./requests.ts";
import { TestClient } from "./test_client.ts";

export interface ConsumerOptions {
  readonly port: number;
  readonly group: string;
  /** By topic and partition. */
  readonly ledgers: ReadonlyMap<string, readonly PartitionLedger[]>;
  readonly brokerIsBack: () => Promise<void>;
}

/** One partition as the group sees it. */
interface Share {
  readonly topic: string;
  readonly partition: number;
  readonly ledger: PartitionLedger;
  /** The offset whose commit was answered, and that of the last commit that was sent. */
  committed: number;
  committing: number;
  pass: LedgerPass;
}

const partitionBytesMax = 256 * 1024;
const retryMs = 10;
/** Rounds of fetching between two commits. */
const roundsPerCommit = 2;

export class KillConsumer {
  /** Times its position was deleted before it had read it. */
  overtakenCount = 0;
  commitCount = 0;
  /** Why it had to connect again the last time. */
  trouble = "";
  readonly #options: ConsumerOptions;
  readonly #shares: Share[] = [];
  #memberId = "";
  #generation = -1;
  #isEnding = false;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    for (const [topic, ledgers] of options.ledgers) {
      ledgers.forEach((ledger, partition) => {
        this.#shares.push({
          topic,
          partition,
          ledger,
          committed: 0,
          committing: 0,
          pass: new LedgerPass(ledger, 0),
        });
      });
    }
  }

  /** Nobody writes any more: `run` ends when all is read and committed. */
  end(): void {
    this.#isEnding = true;
  }

  async run(): Promise<void> {
    for (;;) {
      await this.#options.brokerIsBack();
      let client: TestClient | null = null;
      try {
        client = await TestClient.connect(this.#options.port, { clientId: "kill-consumer" });
        await this.#join(client);
        await this.#goOn(client);
        for (let round = 1; !this.#isEnding || !this.#hasAll(); round++) {
          await this.#read(client);
          if (round % roundsPerCommit === 0) await this.#commit(client);
        }
        await this.#commit(client);
        return;
      } catch (error) {
        if (!isPassing(error)) throw error;
        this.trouble = (error as Error).message;
        await pause(retryMs);
      } finally {
        client?.close();
      }
    }
  }

  #hasAll(): boolean {
    return this.#shares.every(({ ledger, pass }) => pass.position >= ledger.endOffset);
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

  /** Takes the committed offsets as positions. */
  async #goOn(client: TestClient): Promise<void> {
    const answer = await client.send(offsetFetch, 7, {
      groupId: this.#options.group,
      topics: this.#byTopic((share) => share.partition).map(([name, partitionIndexes]) => ({ name, partitionIndexes })),
      requireStable: false,
    });
    check(answer.errorCode, "fetch offsets");
    for (const { name, partitions } of answer.topics) {
      for (const { partitionIndex, committedOffset, errorCode } of partitions) {
        check(errorCode, "fetch offsets");
        const share = this.#share(name, partitionIndex);
        const offset = Math.max(0, committedOffset);
        const { committed, committing, ledger } = share;
        if (offset < committed || offset > committing) {
          throw new LedgerError(
            `${ledger.name}: the group goes on at ${offset}; ${committed} was committed and ${committing} asked for`,
          );
        }
        share.pass = new LedgerPass(ledger, offset);
      }
    }
  }

  async #read(client: TestClient): Promise<void> {
    const answer = await client.send(fetch, 12, {
      maxWaitMs: 100,
      minBytes: 1,
      maxBytes: 8 * 1024 * 1024,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: this.#byTopic(({ partition, pass }) => ({
        partition,
        fetchOffset: pass.position,
        partitionMaxBytes: partitionBytesMax,
      })).map(([topic, partitions]) => ({ topic, partitions })),
      forgottenTopicsData: [],
    });
    check(answer.errorCode, "fetch");
    for (const { topic, partitions } of answer.responses) {
      for (const { partitionIndex, errorCode, logStartOffset, records } of partitions) {
        const share = this.#share(topic, partitionIndex);
        const { ledger } = share;
        if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE && ledger.rules.hasRetention) {
          await this.#startAgain(client, share);
          continue;
        }
        check(errorCode, `fetch from ${ledger.name}`);
        ledger.startTold(logStartOffset);
        for (const batch of wholeBatches(records ?? new Uint8Array(0))) {
          share.pass.read(recordsOf(batch, ledger.name), batch.nextOffset);
        }
      }
    }
  }

  /** What it was to read next is deleted. */
  async #startAgain(client: TestClient, share: Share): Promise<void> {
    const start = await startOffset(client, share);
    share.ledger.startTold(start);
    if (start <= share.pass.position) {
      throw new LedgerError(`${share.ledger.name} starts at ${start} and has no ${share.pass.position}`);
    }
    this.overtakenCount++;
    share.pass = new LedgerPass(share.ledger, start);
  }

  async #commit(client: TestClient): Promise<void> {
    const offsets = new Map(this.#shares.map((share) => [share, share.pass.position]));
    for (const [share, offset] of offsets) share.committing = offset;
    const answer = await client.send(offsetCommit, 7, {
      groupId: this.#options.group,
      generationIdOrMemberEpoch: this.#generation,
      memberId: this.#memberId,
      topics: this.#byTopic((share) => ({
        partitionIndex: share.partition,
        committedOffset: share.committing,
        committedMetadata: "",
      })).map(([name, partitions]) => ({ name, partitions })),
    });
    for (const { partitions } of answer.topics) {
      for (const { errorCode } of partitions) check(errorCode, "commit offsets");
    }
    for (const [share, offset] of offsets) share.committed = offset;
    this.commitCount++;
  }

  #share(topic: string, partition: number): Share {
    const share = this.#shares.find((share) => share.topic === topic && share.partition === partition);
    if (share === undefined) throw new LedgerError(`${topic}-${partition} was not asked for`);
    return share;
  }

  #byTopic<Part>(part: (share: Share) => Part): [topic: string, parts: Part[]][] {
    return [...this.#options.ledgers.keys()].map((topic) => [
      topic,
      this.#shares.filter((share) => share.topic === topic).map(part),
    ]);
  }
}

function check(errorCode: number, what: string): void {
  if (errorCode !== ErrorCode.NONE) throw new AnsweredError(errorCode, `Cannot ${what}`);
}
