/**
 * Commits offsets of the group that all transactions share, outside of any: what is answered is committed. And looks, all the time,
 * where the group is.
 */
import { offsetFetch } from "../../../protocol/api/09_offset_fetch.ts";
import { offsetCommit } from "../../../protocol/api/08_offset_commit.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { Link, LinkBroken } from "../broker/link.ts";
import type { World } from "../broker/world.ts";
import type { Ledger, Place } from "./ledger.ts";
import { SHARED_GROUP } from "./producer.ts";

export class Outsider {
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #link: Link;
  readonly #place: Place;

  constructor(world: World, options: { readonly ledger: Ledger; readonly place: Place }) {
    this.#world = world;
    this.#ledger = options.ledger;
    this.#place = options.place;
    this.#link = new Link(world, "outsider");
  }

  async run(): Promise<void> {
    const world = this.#world;
    while (!world.isOver && !world.isHealing) {
      await world.sleep(20 + world.int(200));
      try {
        await this.#link.open();
        await (world.chance(0.15) ? this.#commit() : this.#look());
      } catch (error) {
        if (!(error instanceof LinkBroken)) throw error;
      }
    }
    this.#link.close();
  }

  async #commit(): Promise<void> {
    const { topic, partition } = this.#place;
    const commit = this.#ledger.begin("outside");
    const sentAt = this.#ledger.moment();
    commit.isCommitAsked = true;
    // Until it is answered it may be there, and later than anything.
    commit.shared = { sentAt, answeredAt: Infinity };
    const partitions = [{ partitionIndex: partition, committedOffset: commit.token, committedMetadata: "" }];
    const answer = await this.#link.send(offsetCommit, 8, {
      groupId: SHARED_GROUP,
      topics: [{ name: topic, partitions }],
    });
    if (answer.topics[0]!.partitions[0]!.errorCode !== ErrorCode.NONE) return;
    commit.shared = { sentAt, answeredAt: this.#ledger.moment() };
    this.#ledger.told(commit, "commit");
  }

  /** An offset that is stable: of all transactions that wrote one, it is known how they ended. */
  async #look(): Promise<void> {
    const { topic, partition } = this.#place;
    const committed = this.#ledger.toldCommitted();
    const { groups } = await this.#link.send(offsetFetch, 8, {
      groups: [{ groupId: SHARED_GROUP, topics: [{ name: topic, partitionIndexes: [partition] }] }],
      requireStable: true,
    });
    const found = groups[0]!.topics[0]?.partitions[0];
    if (groups[0]!.errorCode !== ErrorCode.NONE || found?.errorCode !== ErrorCode.NONE) return;
    this.#ledger.checkSharedOffset(found.committedOffset, committed);
  }
}
