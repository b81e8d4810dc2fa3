/**
 * Where the cluster's metadata is kept: the order of its changes, agreed and durable.
 *
 * `LocalMetadataStore` keeps it in a log of its own, for a broker that is alone. A cluster keeps it in a consensus
 * engine behind the same three calls.
 */
import type { ClusterChange, MetadataImage } from "./image.ts";
import type { MetadataRecord } from "./records.ts";

export interface MetadataStore {
  /** How much of the history the image has: grows with every change, and no sooner than that. */
  readonly version: number;
  /** Kafka's `kraft.version`, where controllers of Kafka's have written to this history; null in one that is all ours. */
  readonly kraftVersion: number | null;
  /** The leader epoch in which it goes on. */
  readonly epoch: number;
  /**
   * Reads all that was agreed and gives the image it adds up to. The store alone changes that image from here on: each
   * time a change, ours or another's, has become durable and was applied, `committed` is told what it did.
   * Called once, first.
   * @throws {CorruptMetadata | StorageError}
   */
  load(committed: (changes: readonly ClusterChange[]) => void): Promise<MetadataImage>;
  /**
   * Decides a change on the newest image and makes it durable, as a whole or not at all. Resolves after `committed`
   * was told. `decide` must be pure: it runs again when another node was faster. No records: nothing to do.
   * @throws what `decide` throws; {ProtocolError} KAFKA_STORAGE_ERROR when it is unknown whether the change will be there
   */
  propose(decide: (image: MetadataImage) => readonly MetadataRecord[]): Promise<void>;
  /** Waits for changes that are on their way. None may follow. */
  close(): Promise<void>;
}
