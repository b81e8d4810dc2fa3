/** Transactional producers, a share group that reads what is committed, and a broker that comes and goes. */
import { createTopics } from "../../../protocol/api/19_create_topics.ts";
import { incrementalAlterConfigs } from "../../../protocol/api/44_incremental_alter_configs.ts";
import { metadata } from "../../../protocol/api/03_metadata.ts";
import { describeShareGroupOffsets } from "../../../protocol/api/90_describe_share_group_offsets.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { Broken } from "../broker/history.ts";
import { Link, LinkBroken } from "../broker/link.ts";
import { Play } from "../broker/play.ts";
import { World } from "../broker/world.ts";
import { Ledger, type Place, printPlace } from "../transactions/ledger.ts";
import { TransactionalProducer } from "../transactions/producer.ts";
import { readCommitted } from "../transactions/reader.ts";
import { unendedTransaction } from "../transactions/unended.ts";
import { ShareLedger } from "./ledger.ts";
import { ShareSimMember } from "./member.ts";

const LOCK_MS = 2_000;
/** So many that no record is given up because of answers that were lost. */
const DELIVERY_COUNT_MAX = 10;
const GROUP_RESOURCE = 32;
const SET = 0;
const groupId = "queue";
const place: Place = { topic: "orders", partition: 0 };

export class ShareScenario extends Play {
  readonly ledger = new ShareLedger(LOCK_MS, DELIVERY_COUNT_MAX);
  readonly #transactions = new Ledger();
  readonly #link: Link;
  readonly #producers: TransactionalProducer[];
  readonly #members: ShareSimMember[];
  #topicId = "";

  constructor(seed: number) {
    const world = new World(seed, {
      "transaction.state.log.num.partitions": "1",
      "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
      "share.coordinator.state.topic.num.partitions": "1",
      "share.coordinator.snapshot.update.records.per.snapshot": seed % 2 === 0 ? "3" : "500",
      "group.share.delivery.count.limit": `${DELIVERY_COUNT_MAX}`,
      "group.share.min.record.lock.duration.ms": "1000",
      "group.share.record.lock.duration.ms": `${LOCK_MS}`,
    });
    super(world, ["kill", "stop"]);
    this.#link = new Link(world, "admin");
    this.#producers = ["new", "old"].map((transactionalId) =>
      new TransactionalProducer(world, {
        ledger: this.#transactions,
        name: `p-${transactionalId}`,
        transactionalId,
        isNew: transactionalId === "new",
        places: [place],
      })
    );
    this.#members = ["a", "b", "c"].map((memberId) =>
      new ShareSimMember(world, {
        groupId,
        memberId,
        ledger: this.ledger,
        topic: () => ({ name: place.topic, topicId: this.#topicId }),
        shown: (offset, text) => this.#transactions.shown(place, offset, text), // (4)
      })
    );
  }

  protected override begin(): void {
    this.spawn("work", async () => {
      await this.insist(() => this.#prepare());
      for (const producer of this.#producers) this.spawn(producer.transactionalId, () => producer.run());
      for (const [index, member] of this.#members.entries()) this.spawn(`member ${index}`, () => member.run());
    });
  }

  async #prepare(): Promise<void> {
    const topics = [{ name: place.topic, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
    const made = (await this.#link.ask(createTopics, 5, { topics, timeoutMs: 5_000 })).topics[0]!.errorCode;
    if (made !== ErrorCode.NONE && made !== ErrorCode.TOPIC_ALREADY_EXISTS) throw new LinkBroken("not made yet");
    const configs = Object.entries({
      "share.isolation.level": "read_committed",
      "share.auto.offset.reset": "earliest",
    }).map(([name, value]) => ({ name, value, configOperation: SET }));
    const { responses } = await this.#link.ask(incrementalAlterConfigs, 1, {
      resources: [{ resourceType: GROUP_RESOURCE, resourceName: groupId, configs }],
      validateOnly: false,
    });
    if (responses[0]!.errorCode !== ErrorCode.NONE) throw new LinkBroken("not configured yet");
    const described = await this.#link.ask(metadata, 12, { topics: [{ name: place.topic }] });
    this.#topicId = described.topics[0]!.topicId;
  }

  protected override async checkSettled(): Promise<void> {
    const { records } = await this.insist(() => this.#readAll());
    this.#transactions.checkWhole(new Map([[printPlace(place), records]]));
    this.ledger.checkAllSeen(records.keys()); // (5)
  }

  /** All transactions end, and all that was committed is dealt with. */
  protected override missing(): Promise<string | null> {
    return this.insist(() => this.#unended());
  }

  async #unended(): Promise<string | null> {
    const open = await unendedTransaction(this.#link, this.#producers);
    if (open !== null) return open;
    const { highWatermark } = await this.#readAll();
    const topics = [{ topicName: place.topic, partitions: [place.partition] }];
    const { groups } = await this.#link.ask(describeShareGroupOffsets, 1, { groups: [{ groupId, topics }] });
    const { startOffset, lag } = groups[0]!.topics[0]!.partitions[0]!;
    return highWatermark === 0 || lag === 0
      ? null
      : `the group is at ${startOffset} of ${highWatermark}, ${lag} behind`;
  }

  async #readAll(): Promise<{ readonly records: Map<number, string>; readonly highWatermark: number }> {
    const records = new Map<number, string>();
    for (let position = 0;;) {
      const read = await readCommitted(this.#link, place, position, 1_000_000);
      if (read === null) throw new LinkBroken("not to be read yet");
      for (const [offset, text] of read.records) records.set(offset, text);
      if (read.nextOffset === read.highWatermark) return { records, highWatermark: read.highWatermark };
      if (read.nextOffset === position) throw new Broken(`nothing at ${position} of ${read.highWatermark}`);
      position = read.nextOffset;
    }
  }
}
