/** Groups as a partition of the log tells of them, part by part. */
import type { CoordinatorLogCodec, LogKey, RecordKinds } from "../../../protocol/embedded/coordinator_log.ts";

/** The values of a group's records, undecoded: they are written often and read once. */
export class StoredParts<Kinds extends RecordKinds> {
  readonly #parts = new Map<string, { readonly key: LogKey<Kinds>; readonly value: Uint8Array }>();

  get isEmpty(): boolean {
    return this.#parts.size === 0;
  }

  /** null forgets. The value is copied. */
  set(key: LogKey<Kinds>, value: Uint8Array | null): void {
    // Keys of a kind differ in their last field: a member's id, or an expression.
    const name = Object.values(key as object).join("\n");
    if (value === null) this.#parts.delete(name);
    else this.#parts.set(name, { key, value: value.slice() });
  }

  protected parts(): Iterable<{ readonly key: LogKey<Kinds>; readonly value: Uint8Array }> {
    return this.#parts.values();
  }
}

/** The groups of a protocol, by their ids. */
export class StoredGroups<Kinds extends RecordKinds, Group extends StoredParts<Kinds>> {
  readonly groups = new Map<string, Group>();
  readonly #log: CoordinatorLogCodec<Kinds>;
  readonly #newGroup: () => Group;

  constructor(log: CoordinatorLogCodec<Kinds>, newGroup: () => Group) {
    this.#log = log;
    this.#newGroup = newGroup;
  }

  /** @returns the group that the record is of; null when it is of something else. @throws {MalformedFrame} */
  read(bytes: Uint8Array, value: Uint8Array | null): string | null {
    const key = this.#log.decodeKey(bytes);
    if (key === null) return null;
    const { groupId } = key as unknown as { readonly groupId: string }; // as all keys have
    const group = this.groups.get(groupId) ?? this.#newGroup();
    group.set(key, value);
    if (group.isEmpty) this.groups.delete(groupId);
    else this.groups.set(groupId, group);
    return groupId;
  }
}
