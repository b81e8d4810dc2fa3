/**
 * Offsets committed inside transactions that have not ended. They count from the transaction's commit marker on, or not at all.
 *
 *  1. What is told here comes in the order of the log: writes as they land, or records as they are read back.
 *  2. An offset committed outside, later than the transaction's own but before its marker, is the newer one and stays; one
 *     deleted meanwhile stays deleted.
 *  3. From the moment it is on its way to the log until its transaction ends, a place is unstable: what is committed there now
 *     may not be where the group goes on (KIP-447).
 */
import type { ExpiredOffsets } from "./expiry.ts";
import type { CommittedOffset } from "./offset_store.ts";

export interface OffsetPlace {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
}

export interface PendingOffset extends OffsetPlace {
  readonly value: CommittedOffset;
}

interface Written extends PendingOffset {
  readonly order: number;
}

export class TransactionalOffsets {
  readonly #byProducer = new Map<number, Map<string, Written>>();
  /** How many make a place unstable: one for each producer with an offset there, and each that is on its way. */
  readonly #unstable = new Map<string, { readonly place: OffsetPlace; count: number }>();
  readonly #countByGroup = new Map<string, number>();
  /** Where in the log the offsets stand that count now, if they were written while some transaction was open. */
  readonly #counted = new Map<string, number>();
  #lastOrder = 0;

  isUnstable(groupId: string, topic: string, partition: number): boolean {
    return this.#unstable.size > 0 && this.#unstable.has(keyOf({ groupId, topic, partition }));
  }

  /** A transaction that has not ended has offsets of the group. */
  hasAny(groupId: string): boolean {
    return this.#countByGroup.has(groupId);
  }

  /** The places of a group that are unstable. */
  placesOf(groupId: string): OffsetPlace[] {
    if (!this.hasAny(groupId)) return [];
    return [...this.#unstable.values()].map(({ place }) => place).filter((place) => place.groupId === groupId);
  }

  groupIds(): Iterable<string> {
    return this.#countByGroup.keys();
  }

  /** Of what expires: without offsets that a transaction may still change; and a group that has one holds something. */
  kept(groupId: string, { expired, hasOthers }: ExpiredOffsets): ExpiredOffsets {
    if (!this.hasAny(groupId)) return { expired, hasOthers };
    const stable = expired.filter(({ topic, partition }) => !this.isUnstable(groupId, topic, partition));
    return { expired: stable, hasOthers: true };
  }

  /** An offset is on its way to the log (3). To be followed by `written` or `lost`. */
  begin(place: OffsetPlace): void {
    this.#count(place, 1);
  }

  lost(place: OffsetPlace): void {
    this.#count(place, -1);
  }

  /** The offset is in the log. */
  written(producerId: number, { groupId, topic, partition, value }: PendingOffset): void {
    let own = this.#byProducer.get(producerId);
    if (own === undefined) this.#byProducer.set(producerId, own = new Map());
    const place = { groupId, topic, partition };
    const key = keyOf(place);
    if (own.has(key)) this.#count(place, -1); // One for the producer is enough.
    own.set(key, { ...place, value, order: ++this.#lastOrder });
  }

  /** A commit from outside of transactions is in the log; null deleted the offset. */
  writtenOutside(place: OffsetPlace, value: CommittedOffset | null): void {
    if (this.#byProducer.size === 0) return;
    const key = keyOf(place);
    if (value !== null) {
      this.#counted.set(key, ++this.#lastOrder);
      return;
    }
    for (const [producerId, own] of this.#byProducer) {
      if (!own.delete(key)) continue;
      this.#count(place, -1);
      if (own.size === 0) this.#byProducer.delete(producerId);
    }
  }

  /** The marker is in the log. Returns the offsets that count from now on. */
  ended(producerId: number, outcome: "commit" | "abort"): PendingOffset[] {
    const own = this.#byProducer.get(producerId);
    if (own === undefined) return [];
    this.#byProducer.delete(producerId);
    const counting: PendingOffset[] = [];
    for (const [key, offset] of own) {
      this.#count(offset, -1);
      if (outcome === "abort" || (this.#counted.get(key) ?? 0) > offset.order) continue; // (2)
      counting.push(offset);
      this.#counted.set(key, offset.order);
    }
    if (this.#byProducer.size === 0) this.#counted.clear();
    return counting;
  }

  #count({ groupId, topic, partition }: OffsetPlace, change: 1 | -1): void {
    const key = keyOf({ groupId, topic, partition });
    const counted = this.#unstable.get(key);
    const count = (counted?.count ?? 0) + change;
    if (count <= 0) this.#unstable.delete(key);
    else if (counted === undefined) this.#unstable.set(key, { place: { groupId, topic, partition }, count });
    else counted.count = count;
    const groupCount = (this.#countByGroup.get(groupId) ?? 0) + change;
    if (groupCount <= 0) this.#countByGroup.delete(groupId);
    else this.#countByGroup.set(groupId, groupCount);
  }
}

/** Group ids and topics are anything; a length keeps two pairs from being one text. */
function keyOf({ groupId, topic, partition }: OffsetPlace): string {
  return `${groupId.length}:${groupId}${topic}:${partition}`;
}
