/** Reads what is committed, as consumers do: up to the last stable offset, without what was aborted. */
import { fetch } from "../../../protocol/api/01_fetch.ts";
import { wholeBatches } from "../../../protocol/batch.ts";
import { ErrorCode, errorName } from "../../../protocol/errors.ts";
import { decodeControlMarker, decodeRecords } from "../../../protocol/record.ts";
import { Broken } from "../broker/history.ts";
import { Link, LinkBroken } from "../broker/link.ts";
import type { World } from "../broker/world.ts";
import { type Place, printPlace } from "./ledger.ts";

const READ_COMMITTED = 1;

export interface Read {
  /** Offset and text. */
  readonly records: ReadonlyMap<number, string>;
  readonly nextOffset: number;
  readonly lastStableOffset: number;
  readonly highWatermark: number;
}

/** One look from `position` on; null when the partition cannot be read now. @throws {LinkBroken} */
export async function readCommitted(
  link: Link,
  place: Place,
  position: number,
  maxBytes: number,
): Promise<Read | null> {
  const { topic, partition } = place;
  const response = await link.ask(fetch, 12, {
    maxWaitMs: 100,
    minBytes: 1,
    maxBytes,
    isolationLevel: READ_COMMITTED,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ topic, partitions: [{ partition, fetchOffset: position, partitionMaxBytes: maxBytes }] }],
    forgottenTopicsData: [],
  });
  const answer = response.responses[0]?.partitions[0];
  if (answer === undefined || answer.errorCode === ErrorCode.KAFKA_STORAGE_ERROR) return null;
  if (answer.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return null;
  if (answer.errorCode !== ErrorCode.NONE) {
    throw new Broken(`${printPlace(place)}: Fetch from ${position} is answered ${errorName(answer.errorCode)}`);
  }
  const { lastStableOffset, highWatermark } = answer;
  const starts = [...answer.abortedTransactions ?? []].sort((one, other) => one.firstOffset - other.firstOffset);
  const aborted = new Set<number>();
  const records = new Map<number, string>();
  let nextOffset = position;
  for (const batch of wholeBatches(answer.records ?? new Uint8Array(0))) {
    if (batch.baseOffset >= lastStableOffset) {
      throw new Broken(`${printPlace(place)}: read past the last stable offset`);
    }
    nextOffset = batch.nextOffset;
    while (starts[0] !== undefined && starts[0].firstOffset <= batch.lastOffset) {
      aborted.add(starts.shift()!.producerId);
    }
    for (const record of decodeRecords(batch)) {
      if (batch.isControl) {
        if (decodeControlMarker(record).kind === "abort") aborted.delete(batch.producerId);
      } else if (!aborted.has(batch.producerId) && record.offset >= position) {
        records.set(record.offset, new TextDecoder().decode(record.value!));
      }
    }
  }
  return { records, nextOffset, lastStableOffset, highWatermark };
}

/** Reads partitions along while the world is in trouble. */
export class CommittedReader {
  readonly #world: World;
  readonly #link: Link;
  readonly #places: readonly Place[];
  readonly #shown: (place: Place, offset: number, text: string) => void;

  constructor(world: World, options: {
    readonly places: readonly Place[];
    readonly shown: (place: Place, offset: number, text: string) => void;
  }) {
    this.#world = world;
    this.#link = new Link(world, "reader");
    this.#places = options.places;
    this.#shown = options.shown;
  }

  async run(): Promise<void> {
    const world = this.#world;
    const positions = new Map<string, number>();
    while (!world.isOver) {
      await world.sleep(20 + world.int(300));
      const place = world.pick(this.#places);
      const key = printPlace(place);
      try {
        const read = await readCommitted(this.#link, place, positions.get(key) ?? 0, world.pick([1, 300, 1_000_000]));
        if (read === null) continue;
        for (const [offset, text] of read.records) this.#shown(place, offset, text);
        positions.set(key, world.chance(0.05) ? 0 : read.nextOffset);
      } catch (error) {
        if (!(error instanceof LinkBroken)) throw error;
        await world.sleep(world.int(300));
      }
    }
    this.#link.close();
  }
}
