/** One run: transactional producers and a broker that comes and goes, then peace, and the reckoning. */
import { createTopics } from "../../../protocol/api/19_create_topics.ts";
import { offsetFetch } from "../../../protocol/api/09_offset_fetch.ts";
import { listTransactions } from "../../../protocol/api/66_list_transactions.ts";
import { initCrc32c } from "../../../protocol/crc32c.ts";
import { ErrorCode, errorName } from "../../../protocol/errors.ts";
import { Broken } from "../broker/history.ts";
import { Link, LinkBroken } from "../broker/link.ts";
import { World } from "../broker/world.ts";
import { Ledger, type Place, printPlace } from "./ledger.ts";
import { TransactionalProducer } from "./producer.ts";
import { CommittedReader, readCommitted } from "./reader.ts";

/** Virtual time within which everything must come right once there is no more trouble: a timeout, and a sweep. */
const HEALING_LIMIT_MS = 60_000;

const places: readonly Place[] = [
  { topic: "orders", partition: 0 },
  { topic: "orders", partition: 1 },
  { topic: "orders", partition: 2 },
  { topic: "events", partition: 0 },
];

export class TransactionScenario {
  readonly world: World;
  readonly ledger = new Ledger();
  readonly #link: Link;
  readonly #producers: TransactionalProducer[];
  readonly #work: Promise<void>[] = [];

  constructor(seed: number) {
    const world = this.world = new World(seed, {
      "transaction.state.log.num.partitions": "2",
      "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
    });
    this.#link = new Link(world, "admin");
    // Two of the same id fence each other; two of one kind are alone.
    const kinds = [["alone-new", true], ["alone-old", false], ["shared", true], ["shared", world.chance(0.5)]] as const;
    this.#producers = kinds.map(([transactionalId, isNew], index) =>
      new TransactionalProducer(world, { ledger: this.ledger, name: `p${index}`, transactionalId, isNew, places })
    );
  }

  async run(): Promise<void> {
    const { world } = this;
    await initCrc32c(); // in real time, of which virtual time does not know
    const living = world.spawn("broker", () => world.live());
    this.#spawn("work", async () => {
      await this.#insist(() => this.#createTopics());
      for (const producer of this.#producers) this.#spawn(producer.transactionalId, () => producer.run());
      const reader = new CommittedReader(world, { places, shown: (...record) => this.ledger.shown(...record) });
      this.#spawn("reader", () => reader.run());
    });
    await this.#advance(world.troubleMs);
    world.isHealing = true;
    await this.#until(world.spawn("reckoning", () => living.then(() => this.#reckon())));
    world.isOver = true;
    await this.#until(Promise.all(this.#work));
  }

  async #createTopics(): Promise<void> {
    const answer = await this.#link.ask(createTopics, 5, {
      topics: [
        { name: "orders", numPartitions: 3, replicationFactor: 1, assignments: [], configs: [] },
        { name: "events", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] },
      ],
      timeoutMs: 5_000,
    });
    const isMade = answer.topics.every(({ errorCode }) =>
      errorCode === ErrorCode.NONE || errorCode === ErrorCode.TOPIC_ALREADY_EXISTS
    );
    if (!isMade) throw new LinkBroken("not made yet");
  }

  #spawn(name: string, work: () => Promise<void>): void {
    this.#work.push(this.world.spawn(name, work));
  }

  /** Nothing goes wrong any more. */
  async #reckon(): Promise<void> {
    const { world } = this;
    let life = await world.heal();
    await this.#settled("on a healthy disk");
    for (const how of ["kill", "stop"] as const) {
      if (how === "stop") await life.stop();
      else life.die();
      life = await world.startAgain();
      await this.#settled(`after a ${how}`);
    }
    world.isOver = true;
    await life.stop();
  }

  /** All transactions have ended, each in one way, and nothing holds readers up. */
  async #settled(when: string): Promise<void> {
    const { world } = this;
    const untilMs = world.nowMs() + HEALING_LIMIT_MS;
    for (;;) {
      const missing = await this.#insist(() => this.#missing());
      if (missing === null) break;
      if (world.nowMs() > untilMs) throw new Broken(`${when}, after ${HEALING_LIMIT_MS} ms: ${missing}`);
      await world.sleep(200);
    }
    const all = await this.#insist(() => this.#readAll());
    this.ledger.checkWhole(all);
    for (const transactionalId of new Set(this.#producers.map(({ transactionalId }) => transactionalId))) {
      this.ledger.checkOffset(transactionalId, await this.#insist(() => this.#offsetOf(transactionalId)), all);
    }
  }

  async #missing(): Promise<string | null> {
    const busy = this.#producers.find(({ isDone }) => !isDone);
    if (busy !== undefined) return `${busy.transactionalId} has no answer`;
    const { errorCode, transactionStates } = await this.#link.ask(listTransactions, 0, {
      stateFilters: ["Ongoing", "PrepareCommit", "PrepareAbort"],
      producerIdFilters: [],
    });
    if (errorCode !== ErrorCode.NONE) return `ListTransactions is answered ${errorName(errorCode)}`;
    const [open] = transactionStates;
    return open === undefined ? null : `${open.transactionalId} is ${open.transactionState}`;
  }

  async #readAll(): Promise<Map<string, Map<number, string>>> {
    const all = new Map<string, Map<number, string>>();
    for (const place of places) {
      const records = new Map<number, string>();
      for (let position = 0;;) {
        const read = await readCommitted(this.#link, place, position, 1_000_000);
        if (read === null) throw new LinkBroken("not to be read yet");
        for (const [offset, text] of read.records) records.set(offset, text);
        if (read.lastStableOffset !== read.highWatermark) {
          throw new Broken(
            `${printPlace(place)}: stable to ${read.lastStableOffset}, the high watermark is ${read.highWatermark}`,
          );
        }
        if (read.nextOffset === read.highWatermark) break;
        if (read.nextOffset === position) throw new Broken(`${printPlace(place)}: nothing at ${position}`);
        position = read.nextOffset;
      }
      all.set(printPlace(place), records);
    }
    return all;
  }

  async #offsetOf(transactionalId: string): Promise<number> {
    const { topic, partition } = places[0]!;
    const { groups } = await this.#link.ask(offsetFetch, 8, {
      groups: [{ groupId: `group-of-${transactionalId}`, topics: [{ name: topic, partitionIndexes: [partition] }] }],
      requireStable: true,
    });
    const { errorCode, topics } = groups[0]!;
    if (errorCode === ErrorCode.NOT_COORDINATOR) return -1; // Nobody has ever asked for a group.
    if (errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) throw new LinkBroken("not loaded yet");
    if (errorCode !== ErrorCode.NONE) throw new Broken(`OffsetFetch is answered ${errorName(errorCode)}`);
    const answer = topics[0]!.partitions[0]!;
    if (answer.errorCode !== ErrorCode.NONE) throw new Broken(`the offset is ${errorName(answer.errorCode)}`);
    return answer.committedOffset;
  }

  /** Until the broker answers. */
  async #insist<Result>(ask: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof LinkBroken) || this.world.isOver) throw error;
        await this.world.sleep(200);
      }
    }
  }

  async #advance(ms: number): Promise<void> {
    const { world } = this;
    const endMs = world.runtime.clock.monotonicMs() + ms;
    while (world.runtime.clock.monotonicMs() < endMs) {
      await world.runtime.advance(100);
      if (world.failure !== null) throw world.failure;
    }
  }

  async #until(promise: Promise<unknown>): Promise<void> {
    let isDone = false;
    promise.then(() => isDone = true, () => isDone = true);
    while (!isDone) await this.#advance(100);
    await promise;
    if (this.world.failure !== null) throw this.world.failure;
  }
}
