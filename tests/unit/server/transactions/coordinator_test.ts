import { describe, expect, test } from "bun:test";
import { BatchView } from "../../../../protocol/batch.ts";
import { ErrorCode, ProtocolError } from "../../../../protocol/errors.ts";
import { decodeRecords, encodeBatch } from "../../../../protocol/record.ts";
import { createMemoryRuntime, type MemoryRuntime } from "../../../../runtime/memory.ts";
import { BrokerConfig } from "../../../../server/config.ts";
import { silentLogger } from "../../../../server/log.ts";
import { TransactionCoordinator } from "../../../../server/transactions/coordinator.ts";
import type { MarkerTask } from "../../../../server/transactions/marker_writer.ts";
import { type PartitionSet, partitionSet } from "../../../../server/transactions/partition_set.ts";
import type { ProducerIdentity, TransactionAnswer } from "../../../../server/transactions/state.ts";

const { NONE } = ErrorCode;
const PARTITION_COUNT = 3;

/** `__transaction_state` in memory: what a crash leaves of it is exactly what `write` has resolved for. */
class MemoryTopic {
  readonly name = "__transaction_state";
  readonly partitionCount = PARTITION_COUNT;
  readonly partitions: Uint8Array[][] = Array.from({ length: PARTITION_COUNT }, () => []);
  errorCode = 0;
  gate: Promise<void> | null = null;
  leaderEpoch = 0;

  leaderEpochOf(): number {
    return this.leaderEpoch;
  }

  async write(partition: number, batch: Uint8Array): Promise<void> {
    if (this.gate !== null) await this.gate;
    if (this.errorCode !== 0) throw new ProtocolError(this.errorCode);
    this.partitions[partition]!.push(batch);
  }

  async *readAll(partition: number): AsyncIterable<BatchView> {
    await Promise.resolve();
    for (const batch of this.partitions[partition]!) yield new BatchView(batch);
  }

  recordCount(): number {
    return this.partitions.flat().reduce((sum, batch) => sum + [...decodeRecords(new BatchView(batch))].length, 0);
  }
}

interface DeskOptions {
  readonly topic?: MemoryTopic;
  readonly config?: Readonly<Record<string, string>>;
}

class Desk {
  readonly runtime: MemoryRuntime = createMemoryRuntime();
  readonly topic: MemoryTopic;
  readonly coordinator: TransactionCoordinator;
  /** Asked for, and not written before `mark`. */
  readonly tasks: { readonly task: MarkerTask; readonly marked: (places: PartitionSet) => void }[] = [];
  hasProducerIds = true;
  static #nextProducerId = 100;
  readonly #options: DeskOptions;

  private constructor(options: DeskOptions) {
    this.#options = options;
    this.topic = options.topic ?? new MemoryTopic();
    const entries = Object.entries(options.config ?? {});
    this.coordinator = new TransactionCoordinator({
      runtime: this.runtime,
      logger: silentLogger,
      config: BrokerConfig.parse(entries.map(([name, value]) => ({ source: "override" as const, name, value }))),
      cluster: { autoCreateTopics: () => Promise.resolve([]), featureLevel: () => 2 },
      topic: this.topic,
      producerIds: {
        next: () =>
          this.hasProducerIds
            ? Promise.resolve(Desk.#nextProducerId++)
            : Promise.reject(new ProtocolError(ErrorCode.KAFKA_STORAGE_ERROR)),
      },
      markers: {
        write: (task, marked) => void this.tasks.push({ task, marked }),
        stop: () => {},
      },
    });
  }

  static async start(options: DeskOptions = {}): Promise<Desk> {
    const desk = new Desk(options);
    desk.coordinator.start();
    await desk.runtime.until(desk.coordinator.loaded);
    return desk;
  }

  /** The process is killed. */
  restart(): Promise<Desk> {
    return Desk.start({ ...this.#options, topic: this.topic });
  }

  async init(transactionalId = "id", expected: ProducerIdentity | null = null): Promise<TransactionAnswer> {
    return await this.runtime.until(this.coordinator.initProducerId({ transactionalId, timeoutMs: 60_000, expected }));
  }

  add(producer: ProducerIdentity, transactionalId = "id"): Promise<number> {
    const { producerId, producerEpoch } = producer;
    const partitions = partitionSet([{ topic: "t", partition: 0 }]);
    return this.runtime.until(
      this.coordinator.addPartitions({ transactionalId, producerId, producerEpoch, partitions, clientVersion: 2 }),
    );
  }

  async end(producer: ProducerIdentity, transactionalId = "id"): Promise<TransactionAnswer> {
    const { producerId, producerEpoch } = producer;
    return await this.runtime.until(
      this.coordinator.endTransaction({
        transactionalId,
        producerId,
        producerEpoch,
        outcome: "commit",
        clientVersion: 2,
      }),
    );
  }

  async mark(): Promise<void> {
    for (const { task, marked } of this.tasks.splice(0)) marked(task.partitions);
    await this.runtime.advance(10);
  }

  phase(transactionalId = "id"): string {
    const state = this.coordinator.describe(transactionalId);
    return typeof state === "object" ? state.phase : String(state);
  }
}

describe("TransactionCoordinator", () => {
  test("answers an end once it is decided, and goes on once the markers are written", async () => {
    const desk = await Desk.start();
    const producer = await desk.init();
    expect(producer).toMatchObject({ errorCode: NONE, producerEpoch: 0 });
    expect(await desk.add(producer)).toBe(NONE);
    const next = await desk.end(producer);
    expect(next).toMatchObject({ errorCode: NONE, producerEpoch: 1 });
    expect([desk.phase(), desk.tasks.length]).toEqual(["PrepareCommit", 1]);
    expect(await desk.add(next)).toBe(ErrorCode.CONCURRENT_TRANSACTIONS);
    await desk.mark();
    expect(desk.phase()).toBe("CompleteCommit");
    expect(await desk.add(next)).toBe(NONE);
  });

  test("goes on after a crash where the log left off", async () => {
    let desk = await Desk.start();
    const producer = await desk.init();
    await desk.add(producer);
    desk = await desk.restart();
    expect(desk.phase()).toBe("Ongoing");
    const next = await desk.end(producer);
    desk = await desk.restart();
    expect([desk.phase(), desk.tasks.length]).toEqual(["PrepareCommit", 1]);
    expect(desk.tasks[0]!.task).toMatchObject({
      transactionalId: "id",
      marker: { producerId: producer.producerId, producerEpoch: 1, outcome: "commit", clientVersion: 2 },
    });
    await desk.mark();
    desk = await desk.restart();
    expect([desk.phase(), desk.tasks.length]).toEqual(["CompleteCommit", 0]);
    expect(await desk.add(next)).toBe(NONE);
  });

  test("marks with the epoch of its own leadership", async () => {
    const desk = await Desk.start();
    const producer = await desk.init();
    await desk.add(producer);
    desk.topic.leaderEpoch = 4;
    await desk.end(producer);
    expect(desk.tasks[0]!.task.coordinatorEpoch).toBe(4);
  });

  test("refuses what its log does not take, and is as before", async () => {
    const desk = await Desk.start();
    const producer = await desk.init();
    desk.topic.errorCode = ErrorCode.NOT_ENOUGH_REPLICAS;
    expect(await desk.add(producer)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(desk.phase()).toBe("Empty");
    expect((await desk.init("new")).errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(desk.coordinator.describe("new")).toBe(undefined);
    desk.topic.errorCode = 0;
    expect(await desk.add(producer)).toBe(NONE);
    expect((await desk.init("new")).errorCode).toBe(NONE);
  });

  test("tries the record of a completed end until the log takes it", async () => {
    const desk = await Desk.start();
    const producer = await desk.init();
    await desk.add(producer);
    await desk.end(producer);
    desk.topic.errorCode = ErrorCode.NOT_ENOUGH_REPLICAS;
    await desk.mark();
    await desk.runtime.advance(1_000);
    expect([desk.phase(), desk.tasks.length]).toEqual(["PrepareCommit", 0]);
    desk.topic.errorCode = 0;
    await desk.runtime.advance(1_000);
    expect(desk.phase()).toBe("CompleteCommit");
  });

  test("does not let a client wait for a log that hangs, and hears what became of the record", async () => {
    const desk = await Desk.start();
    const producer = await desk.init();
    let open = () => {};
    desk.topic.gate = new Promise((resolve) => open = resolve);
    expect(await desk.add(producer)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(desk.phase()).toBe("Empty");
    expect(await desk.add(producer)).toBe(ErrorCode.CONCURRENT_TRANSACTIONS);
    open();
    await desk.runtime.advance(10);
    expect(desk.phase()).toBe("Ongoing");
    expect(await desk.add(producer)).toBe(NONE);
  });

  test("has no producer without an id for it", async () => {
    const desk = await Desk.start();
    desk.hasProducerIds = false;
    expect((await desk.init()).errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    desk.hasProducerIds = true;
    expect((await desk.init()).errorCode).toBe(NONE);
  });

  test("gives two who begin at once different epochs, or tells one to come again", async () => {
    const desk = await Desk.start();
    const answers = await desk.runtime.until(
      Promise.all(
        [1, 2, 3].map(() =>
          desk.coordinator.initProducerId({ transactionalId: "id", timeoutMs: 60_000, expected: null })
        ),
      ),
    );
    const granted = answers.filter(({ errorCode }) => errorCode === NONE);
    expect(granted.length).toBeGreaterThan(0);
    expect(new Set(granted.map(({ producerEpoch }) => producerEpoch)).size).toBe(granted.length);
    for (const { errorCode } of answers) expect([NONE, ErrorCode.CONCURRENT_TRANSACTIONS]).toContain(errorCode);
  });

  test("aborts what is open for longer than its producer allowed", async () => {
    const desk = await Desk.start();
    const producer = await desk.init();
    await desk.add(producer);
    await desk.runtime.advance(59_000);
    expect(desk.phase()).toBe("Ongoing");
    await desk.runtime.advance(12_000);
    expect(desk.phase()).toBe("PrepareAbort");
    expect(desk.tasks[0]!.task.marker).toMatchObject({ outcome: "abort", producerEpoch: 1 });
    await desk.mark();
    expect(await desk.add(producer)).toBe(ErrorCode.PRODUCER_FENCED);
  });

  test("forgets ids that nobody uses, and writes that down; not those with a transaction", async () => {
    const config = {
      "transactional.id.expiration.ms": "100000",
      "transaction.remove.expired.transaction.cleanup.interval.ms": "10000",
    };
    let desk = await Desk.start({ config });
    await desk.init("idle");
    const producer = await desk.init("busy");
    await desk.runtime.advance(60_000);
    await desk.add(producer, "busy");
    await desk.runtime.advance(45_000);
    expect(desk.coordinator.describe("idle")).toBe(undefined);
    expect(desk.phase("busy")).toBe("Ongoing");
    desk = await desk.restart();
    expect(desk.coordinator.describe("idle")).toBe(undefined);
    expect(desk.phase("busy")).toBe("Ongoing");
  });

  test("skips what it cannot read, and knows the rest", async () => {
    const desk = await Desk.start();
    await desk.init();
    const key = Uint8Array.of(0, 0, 0, 1, 0x78);
    const records = [
      { key, value: Uint8Array.of(0, 9, 9), timestamp: 1 }, // no version that anybody knows
      { key: Uint8Array.of(0, 77), value: new Uint8Array(3), timestamp: 1 }, // another kind
      { key: null, value: new Uint8Array(0), timestamp: 1 },
    ];
    for (const partition of desk.topic.partitions) partition.push(encodeBatch({ records }));
    const next = await desk.restart();
    expect(next.phase()).toBe("Empty");
    const listed = next.coordinator.list();
    expect(typeof listed === "number" ? listed : [...listed].map(({ transactionalId }) => transactionalId)).toEqual([
      "id",
    ]);
  });

  test("tells who waits to look elsewhere when it stops", async () => {
    const desk = await Desk.start();
    const producer = await desk.init();
    let open = () => {};
    desk.topic.gate = new Promise((resolve) => open = resolve);
    const adding = desk.coordinator.addPartitions({
      transactionalId: "id",
      ...producer,
      partitions: partitionSet([{ topic: "t", partition: 0 }]),
      clientVersion: 2,
    });
    const stopping = desk.coordinator.stop();
    expect(await desk.runtime.until(adding)).toBe(ErrorCode.NOT_COORDINATOR);
    open();
    await desk.runtime.until(stopping);
    expect((await desk.init()).errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  });
});
