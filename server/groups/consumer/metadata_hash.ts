/**
 * By what a group notices that its topics have changed (KIP-1101): a hash of each topic's id, name, partitions and the
 * racks of their replicas, and one over those of all its topics. In Kafka's own form: it is in the log.
 */
import { xxh3 } from "../../../protocol/xxh3.ts";
import { Writer } from "../../../protocol/wire.ts";

export interface HashedTopic {
  readonly id: string;
  readonly name: string;
  /** For each partition, the racks of its replicas that have one. */
  readonly racks: readonly (readonly string[])[];
}

const FORM = 0;

export function topicHash({ id, name, racks }: HashedTopic): bigint {
  const rackBytes = racks.flat().reduce((sum, rack) => sum + 8 + 2 * rack.length, 0);
  const input = new Input(1 + 16 + 4 + 2 * name.length + 4 + 4 * racks.length + rackBytes);
  input.byte(FORM);
  input.uuid(id);
  input.string(name);
  input.int32(racks.length);
  for (const [partition, ofPartition] of racks.entries()) {
    input.int32(partition);
    for (const rack of [...ofPartition].sort()) {
      input.int32(rack.length);
      input.string(rack);
    }
  }
  return BigInt.asIntN(64, xxh3(input.bytes));
}

/** `hashes` of topics in the order of their names; without any, 0. */
export function groupHash(hashes: readonly bigint[]): bigint {
  if (hashes.length === 0) return 0n;
  const input = new Input(8 * hashes.length);
  for (const hash of hashes) input.int64(hash);
  return BigInt.asIntN(64, xxh3(input.bytes));
}

/** All numbers little-endian; a string is its UTF-16 units, then their number. */
class Input {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(sizeBytes: number) {
    this.bytes = new Uint8Array(sizeBytes);
    this.#view = new DataView(this.bytes.buffer);
  }

  byte(value: number): void {
    this.#view.setUint8(this.#at++, value);
  }

  int32(value: number): void {
    this.#view.setInt32(this.#at, value, true);
    this.#at += 4;
  }

  int64(value: bigint): void {
    this.#view.setBigInt64(this.#at, value, true);
    this.#at += 8;
  }

  string(value: string): void {
    for (let index = 0; index < value.length; index++, this.#at += 2) {
      this.#view.setUint16(this.#at, value.charCodeAt(index), true);
    }
    this.int32(value.length);
  }

  uuid(value: string): void {
    const writer = new Writer();
    writer.uuid(value);
    const bytes = writer.finishWhole();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.int64(view.getBigInt64(0));
    this.int64(view.getBigInt64(8));
  }
}
