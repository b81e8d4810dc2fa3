/** Transactional producers and a broker that comes and goes. */
import { createTopics } from "../../../protocol/api/19_create_topics.ts";
import { offsetFetch } from "../../../protocol/api/09_offset_fetch.ts";
import { ErrorCode, errorName } from "../../../protocol/errors.ts";
import { Broken } from "../broker/history.ts";
import { Link, LinkBroken } from "../broker/link.ts";
import { Play } from "../broker/play.ts";
import { World } from "../broker/world.ts";
import { Ledger, type Place, printPlace } from "./ledger.ts";
import { Outsider } from "./outsider.ts";
import { SHARED_GROUP, TransactionalProducer } from "./producer.ts";
import { CommittedReader, readCommitted } from "./reader.ts";
import { unendedTransaction } from "./unended.ts";

const places: readonly Place[] = [
  { topic: "orders", partition: 0 },
  { topic: "orders", partition: 1 },
  { topic: "orders", partition: 2 },
  { topic: "events", partition: 0 },
];

export class TransactionScenario extends Play {
  readonly ledger = new Ledger();
  readonly #link: Link;
  readonly #producers: TransactionalProducer[];

  constructor(seed: number) {
    const world = new World(seed, {
      "transaction.state.log.num.partitions": "2",
      "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
    });
    super(world, ["kill", "stop"]);
    this.#link = new Link(world, "admin");
    // Two of the same id fence each other; two of one kind are alone.
    const kinds = [["alone-new", true], ["alone-old", false], ["shared", true], ["shared", world.chance(0.5)]] as const;
    this.#producers = kinds.map(([transactionalId, isNew], index) =>
      new TransactionalProducer(world, { ledger: this.ledger, name: `p${index}`, transactionalId, isNew, places })
    );
  }

  protected override begin(): void {
    const { world } = this;
    this.spawn("work", async () => {
      await this.insist(() => this.#createTopics());
      for (const producer of this.#producers) this.spawn(producer.transactionalId, () => producer.run());
      const reader = new CommittedReader(world, { places, shown: (...record) => this.ledger.shown(...record) });
      this.spawn("reader", () => reader.run());
      const outsider = new Outsider(world, { ledger: this.ledger, place: places[0]! });
      this.spawn("outsider", () => outsider.run());
    });
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

  protected override async checkSettled(): Promise<void> {
    const all = await this.insist(() => this.#readAll());
    this.ledger.checkWhole(all);
    for (const transactionalId of new Set(this.#producers.map(({ transactionalId }) => transactionalId))) {
      const offset = await this.insist(() => this.#offsetOf(`group-of-${transactionalId}`));
      this.ledger.checkOffset(transactionalId, offset, all);
    }
    const committed = new Set([...this.ledger.toldCommitted(), ...this.ledger.seenCommitted(all)]);
    this.ledger.checkSharedOffset(await this.insist(() => this.#offsetOf(SHARED_GROUP)), committed);
  }

  /** All transactions end, each in one way, and nothing holds readers up. */
  protected override missing(): Promise<string | null> {
    return this.insist(() => unendedTransaction(this.#link, this.#producers));
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

  async #offsetOf(groupId: string): Promise<number> {
    const { topic, partition } = places[0]!;
    const { groups } = await this.#link.ask(offsetFetch, 8, {
      groups: [{ groupId, topics: [{ name: topic, partitionIndexes: [partition] }] }],
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
}
