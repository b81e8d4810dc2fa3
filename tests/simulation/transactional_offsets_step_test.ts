/**
 * Offsets that are committed inside transactions and outside, deleted, and lost on their way, in any order.
 *
 * What must hold after every event:
 *  1. The offset that counts is the one written last, of those from outside and of transactions that were committed, since
 *     the last deletion: no offset goes back because a transaction of before ends late.
 *  2. A place is unstable exactly while an offset is on its way to it, or of a transaction that has not ended.
 *
 *     SEED=123 bun test tests/simulation/transactional_offsets_step_test.ts        the run that failed, again
 */
import type { CommittedOffset } from "../../server/groups/offset_store.ts";
import { type OffsetPlace, TransactionalOffsets } from "../../server/groups/transactional_offsets.ts";
import { RandomRun, testRandomRuns } from "../support/random_runs.ts";

const stepCount = 150;
const places: readonly OffsetPlace[] = ["g", "h"].flatMap((groupId) =>
  [0, 1].map((partition) => ({ groupId, topic: "t", partition }))
);
const producerIds = [1, 2, 3];

testRandomRuns("an offset is the last one that counts, whatever transactions do", 300, (seed) => {
  new Simulation(seed).run();
});

/** One line of the log. */
interface Write {
  readonly place: OffsetPlace;
  readonly offset: number;
  /** null: from outside. */
  readonly producerId: number | null;
  state: "open" | "counts" | "gone";
}

class Simulation extends RandomRun {
  readonly offsets = new TransactionalOffsets();
  /** What a group goes on from, by place. */
  readonly counting = new Map<OffsetPlace, number>();
  readonly underWay: { readonly place: OffsetPlace; readonly producerId: number }[] = [];
  readonly log: Write[] = [];

  run(): void {
    for (let round = 0; round < stepCount; round++) {
      this.pick(this.#actions)();
      for (const place of places) this.check(place);
    }
  }

  readonly #actions: readonly (() => void)[] = [
    () => this.begin(),
    () => this.begin(),
    () => this.land(),
    () => this.land(),
    () => this.commitOutside(),
    () => this.end(),
    () => this.chance(0.3) ? this.delete() : undefined,
  ];

  begin(): void {
    const place = this.pick(places);
    this.underWay.push({ place, producerId: this.pick(producerIds) });
    this.offsets.begin(place);
  }

  /** In the order in which they were begun, as a log takes them. */
  land(): void {
    const write = this.underWay.shift();
    if (write === undefined) return;
    const { place, producerId } = write;
    if (this.chance(0.2)) return this.offsets.lost(place);
    const offset = this.append(place, producerId, "open");
    this.offsets.written(producerId, { ...place, value: valueOf(offset) });
  }

  commitOutside(): void {
    const place = this.pick(places);
    const offset = this.append(place, null, "counts");
    this.offsets.writtenOutside(place, valueOf(offset));
    this.counting.set(place, offset);
  }

  end(): void {
    const producerId = this.pick(producerIds);
    const outcome = this.pick(["commit", "abort"] as const);
    for (const write of this.log) {
      if (write.producerId === producerId && write.state === "open") {
        write.state = outcome === "commit" ? "counts" : "gone";
      }
    }
    for (const { groupId, partition, value } of this.offsets.ended(producerId, outcome)) {
      const place = places.find((one) => one.groupId === groupId && one.partition === partition)!;
      this.counting.set(place, value.offset);
    }
  }

  delete(): void {
    const place = this.pick(places);
    for (const write of this.log) if (write.place === place) write.state = "gone";
    this.offsets.writtenOutside(place, null);
    this.counting.delete(place);
  }

  /** Offsets are where they stand in the log. */
  append(place: OffsetPlace, producerId: number | null, state: Write["state"]): number {
    this.log.push({ place, offset: this.log.length, producerId, state });
    return this.log.length - 1;
  }

  check(place: OffsetPlace): void {
    const name = `${place.groupId}/${place.partition}`;
    const own = this.log.filter((write) => write.place === place);
    const expected = own.findLast(({ state }) => state === "counts")?.offset;
    const found = this.counting.get(place);
    if (found !== expected) throw new Error(`${name} is at ${found}, not at ${expected}`); // (1)
    const isUnstable = own.some(({ state }) => state === "open") || this.underWay.some((one) => one.place === place);
    if (this.offsets.isUnstable(place.groupId, place.topic, place.partition) !== isUnstable) {
      throw new Error(`${name} is ${isUnstable ? "stable" : "unstable"}`); // (2)
    }
  }
}

function valueOf(offset: number): CommittedOffset {
  return { offset, leaderEpoch: -1, metadata: "", commitTimestampMs: 0, expireTimestampMs: -1, topicId: "" };
}
