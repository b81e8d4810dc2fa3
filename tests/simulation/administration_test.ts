/**
 * Elections, reassignments and changes of credentials, random and often wrong, on the metadata of a cluster whose brokers come and go.
 *
 * What must hold, whatever is asked:
 *  1. What is refused changes nothing; what is granted is so.
 *  2. A leader is in sync and a replica, or there is none. Who becomes leader is alive, and its epoch is new.
 *  3. An election that is not unclean, and a reassignment, lose no record: nobody comes into sync by them.
 *  4. A snapshot's records give the same metadata.
 *
 *     SEED=123 bun test tests/simulation/administration_test.ts        the run that failed, again
 */
import { expect } from "bun:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Digests } from "../../runtime/runtime.ts";
import { ElectionType, planElections } from "../../server/cluster/elections.ts";
import { MetadataImage, type PartitionState } from "../../server/cluster/image.ts";
import { planReassignments } from "../../server/cluster/reassignments.ts";
import { keysOf } from "../../server/cluster/scram_keys.ts";
import { planScram } from "../../server/cluster/scram_plans.ts";
import { RandomRun, testRandomRuns } from "../support/random_runs.ts";

const topicId = "cwbE3fu4QRulFjkHsq9GAw";
const brokerIds = [1, 2, 3, 4];
const partitionCount = 3;
const users = ["ann", "bob", ""];
const stepCount = 60;

let grantCount = 0;

testRandomRuns(
  "what administrators ask leaves metadata that make sense",
  200,
  (seed) => {
    grantCount += new World(seed).run();
  },
  (runCount) => expect(grantCount).toBeGreaterThan(runCount),
);

/** What keys are made of does not matter here. */
const digests: Digests = {
  hash: (_, data) => data.slice(),
  hmac: (_, key, data) => Uint8Array.of(key.length, data.length),
};

class World extends RandomRun {
  image = new MetadataImage();
  aliveIds: readonly number[] = brokerIds;
  /** Iterations by user and mechanism. */
  readonly credentials = new Map<string, number>();
  grantCount = 0;

  run(): number {
    this.image.apply([
      { kind: "topic", name: "t", topicId },
      ...Array.from({ length: partitionCount }, (_, partitionId) => {
        const replicas = this.some(brokerIds, 1);
        const isr = this.some(replicas, 1);
        const leader = this.chance(0.5) ? this.pick(isr) : -1;
        return {
          kind: "partition" as const,
          ...{ partitionId, topicId, leader, leaderEpoch: 0, partitionEpoch: 0, replicas, isr },
        };
      }),
    ]);
    for (let step = 0; step < stepCount; step++) {
      if (this.chance(0.2)) this.aliveIds = this.some(brokerIds, 0);
      this.pick([() => this.elect(), () => this.reassign(), () => this.alter()])();
      if (this.chance(0.1)) this.restart();
      for (const partition of this.partitions()) this.checkLeader(partition);
    }
    return this.grantCount;
  }

  elect(): void {
    const type = this.pick([ElectionType.PREFERRED, ElectionType.UNCLEAN]);
    const index = this.index();
    const asked = this.chance(0.2) ? null : [{ topic: this.chance(0.9) ? "t" : "u", partitions: [index] }];
    const before = this.partitions();
    const { records, outcome } = planElections(this.image, type, asked, this.aliveIds);
    this.image.apply(records);
    const granted = new Set(
      outcome.flatMap(({ partitions }) => partitions.filter(({ error }) => error === null).map(({ index }) => index)),
    );
    for (const [at, partition] of this.partitions().entries()) {
      if (!granted.has(at)) {
        expect(partition).toBe(before[at]!); // (1)
        continue;
      }
      this.grantCount++;
      expect(this.aliveIds).toContain(partition.leaderId); // (2)
      expect(partition.leaderEpoch).toBe(before[at]!.leaderEpoch + 1); // (2)
      if (type === ElectionType.UNCLEAN) continue;
      expect([partition.leaderId, partition.isr]).toEqual([partition.replicas[0]!, before[at]!.isr]); // (1) (3)
    }
  }

  reassign(): void {
    const index = this.index();
    const replicas = this.chance(0.1) ? null : this.some([...brokerIds, 77], 0);
    const mayChangeCount = this.chance(0.5);
    const before = this.partitions();
    const asked = [{ name: "t", partitions: [{ partitionIndex: index, replicas }] }];
    const { records, outcome } = planReassignments(this.image, asked, { brokerIds, mayChangeCount });
    this.image.apply(records);
    const { error } = outcome[0]!.partitions[0]!;
    const after = this.partitions();
    for (const [at, partition] of after.entries()) {
      if (at !== index || error !== null) expect(partition).toBe(before[at]!); // (1)
    }
    if (error !== null) return;
    this.grantCount++;
    expect(after[index]!.replicas).toEqual(replicas!); // (1)
    expect(before[index]!.isr).toEqual(expect.arrayContaining([...after[index]!.isr])); // (3)
    if (!mayChangeCount) expect(replicas!.length).toBe(before[index]!.replicas.length); // (1)
  }

  alter(): void {
    const request = {
      deletions: this.several(() => ({ name: this.pick(users), mechanism: this.below(4) })),
      upsertions: this.several(() => ({
        name: this.pick(users),
        mechanism: this.below(4),
        iterations: this.pick([0, 4095, 4096, 8192, 16_384, 16_385]),
        salt: new Uint8Array(0),
        saltedPassword: new Uint8Array(this.below(3)),
      })),
    };
    const { records, outcome } = planScram(this.image.scram, request, (upsertion) => keysOf(upsertion, digests));
    this.image.apply(records);
    for (const { name, mechanism } of request.deletions) {
      if (outcome.get(name) === null) this.credentials.delete(`${name} ${mechanism}`);
    }
    for (const { name, mechanism, iterations } of request.upsertions) {
      if (outcome.get(name) === null) this.credentials.set(`${name} ${mechanism}`, iterations);
    }
    for (const error of outcome.values()) {
      if (error === null) this.grantCount++;
      else expect(error.code).not.toBe(ErrorCode.NONE);
    }
    expect(this.kept()).toEqual(new Map([...this.credentials].sort())); // (1)
  }

  /** From a snapshot. */
  restart(): void {
    const records = [...this.image.records()];
    this.image = new MetadataImage();
    this.image.apply(records);
    expect([...this.image.records()]).toEqual(records); // (4)
  }

  checkLeader({ leaderId, replicas, isr }: PartitionState): void {
    expect(replicas).toEqual(expect.arrayContaining([...isr]));
    if (leaderId !== -1) expect(isr).toContain(leaderId); // (2)
  }

  kept(): Map<string, number> {
    const kept = [...this.image.scram.users()].flatMap((user) =>
      this.image.scram.ofUser(user).map(([mechanism, { iterations }]) => [`${user} ${mechanism}`, iterations] as const)
    );
    return new Map(kept.sort());
  }

  partitions(): readonly PartitionState[] {
    return this.image.topic("t")!.partitions;
  }

  /** Of a partition, mostly one that is there. */
  index(): number {
    return this.below(partitionCount + 1);
  }

  /** Some of them in any order, `countMin` at least. */
  some(ids: readonly number[], countMin: number): number[] {
    const rest = [...ids];
    const count = countMin + this.below(rest.length - countMin + 1);
    return Array.from({ length: count }, () => rest.splice(this.below(rest.length), 1)[0]!);
  }

  several<Item>(make: () => Item): Item[] {
    return Array.from({ length: this.below(3) }, make);
  }
}
