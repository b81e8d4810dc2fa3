/**
 * Consumers on a coordinator that is killed, whose log fails and stalls. Each consumer does what a real one does (join, ask
 * for its assignment, heartbeat, commit, leave), and sometimes dies without a word. Time is virtual.
 *
 * What must hold, whatever happens:
 *  1. In one generation a partition is given to one consumer; and each gets what the generation's leader gave it.
 *  2. A committed offset that was answered, or seen, is there from then on: offsets never go back unasked. Who was in a
 *     generation that is over, or in none, cannot commit.
 *  3. Nobody waits for ever.
 *
 *     SEED=123 bun test tests/simulation/groups_coordinator_test.ts        the run that failed, again
 */
import { expect } from "bun:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { ZERO_UUID } from "../../protocol/schema.ts";
import { testRandomRuns } from "../support/random_runs.ts";
import { Desk } from "../unit/server/groups/desk.ts";
import { consumerCount, partitionCount, TroubledGroups } from "./troubled_groups.ts";

let lateCount = 0;
testRandomRuns(
  "a group keeps its promises through crashes and failing writes",
  8,
  async (seed) => {
    const simulation = new Simulation(seed);
    await simulation.run();
    lateCount += simulation.lateCount;
  },
  () => expect(lateCount).toBeGreaterThan(0),
);

class Simulation extends TroubledGroups<Consumer> {
  /** By generation and partition: who was given it. */
  readonly owners = new Map<string, string>();
  /** By generation and member: what leaders gave it. */
  readonly given = new Map<number, Map<string, Set<string>>>();
  syncCount = 0;
  /** The newest of which somebody was told an assignment. */
  generation = -1;
  /** Commits of generations that were over. */
  lateCount = 0;

  async run(): Promise<void> {
    this.desk = await Desk.loaded({
      seed: Math.floor(this.random() * 2 ** 31),
      config: { "group.initial.rebalance.delay.ms": this.random() < 0.5 ? "0" : "3000" },
    });
    for (let index = 0; index < consumerCount; index++) {
      this.consumers.push(new Consumer(this, index, this.random() < 0.4 ? `instance-${index}` : null));
    }
    await this.play();
    expect(this.syncCount > 0).toBe(true);
  }

  give(generation: number, assignments: ReadonlyMap<string, Uint8Array>): void {
    let given = this.given.get(generation);
    if (given === undefined) this.given.set(generation, given = new Map());
    for (const [memberId, assignment] of assignments) {
      given.set(memberId, (given.get(memberId) ?? new Set()).add(assignment.join()));
    }
  }

  /** (1) A member that took over a static one's place was given something by its former id. */
  checkGiven(generation: number, memberId: string, assignment: Uint8Array): void {
    const given = this.given.get(generation);
    const own = given?.get(memberId);
    const all = own ?? new Set(["", ...[...given?.values() ?? []].flatMap((texts) => [...texts])]);
    if (all.has(assignment.join())) return;
    throw new Error(`generation ${generation}: ${memberId} has ${assignment}, and was given ${[...all].join(" or ")}`);
  }

  /** Once disturbances and consumers stop, every answer comes, and the group empties. (3) */
  protected override async calm(): Promise<void> {
    const { topic, runtime, coordinator } = this.desk;
    topic.errorCode = 0;
    for (let minute = 0; minute < 12; minute++) await runtime.advance(60_000);
    await this.checkOffsets();
    expect(this.consumers.filter((consumer) => consumer.isWaiting)).toEqual([]);
    const state = coordinator.describeGroup("g");
    expect(typeof state === "object" ? state.phase : "gone").toMatch(/Empty|gone/);
  }
}

class Consumer {
  memberId = "";
  generation = -1;
  /** What it owns; null while it does not know. */
  partitions: number[] | null = null;
  readonly #simulation: Simulation;
  readonly #name: string;
  readonly #instanceId: string | null;
  #waitingIn = -1;
  #session = 0;
  /** Whom it makes the assignment for. */
  #led: readonly string[] = [];
  /** Who it was, in a generation that may be over. */
  #former: { readonly memberId: string; readonly generation: number } | null = null;

  constructor(simulation: Simulation, index: number, instanceId: string | null) {
    this.#simulation = simulation;
    this.#name = `consumer-${index}`;
    this.#instanceId = instanceId;
  }

  /** A request that this coordinator has not answered, in any of the consumer's lives. */
  get isWaiting(): boolean {
    return this.#waitingIn === this.#simulation.life;
  }

  act(): void {
    const { random, life } = this.#simulation;
    if (random() < 0.01) {
      // Dies, and comes back as somebody new, or as the same instance.
      this.#session++;
      this.#forget();
      this.#waitingIn = -1;
    }
    if (this.#waitingIn === life) return;
    if (this.generation < 0) this.#start(this.#join());
    else if (this.partitions === null) this.#start(this.#sync());
    else if (random() < 0.02) this.#start(this.#leave());
    else if (random() < 0.6) this.#start(this.#heartbeat());
    else if (random() < 0.1) this.#start(this.#commitLate());
    else this.#start(this.#commit());
  }

  #start(request: Promise<void>): void {
    const { life } = this.#simulation;
    const session = this.#session;
    this.#waitingIn = life;
    request.then(() => {
      if (this.#session === session && this.#waitingIn === life) this.#waitingIn = -1;
    }, (error) => this.#simulation.failure ??= error);
  }

  /** Is an answer still for this life of the consumer, and of the coordinator? */
  #listener(): () => boolean {
    const { life } = this.#simulation;
    const session = this.#session;
    return () => this.#session === session && this.#simulation.life === life;
  }

  async #join(): Promise<void> {
    const isMine = this.#listener();
    const { desk, random } = this.#simulation;
    const answer = await desk.join(this.memberId, {
      clientId: this.#name,
      instanceId: this.#instanceId,
      isMemberIdRequired: random() < 0.7,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 20_000,
    });
    if (!isMine()) return;
    if (answer.errorCode === ErrorCode.MEMBER_ID_REQUIRED) this.memberId = answer.memberId;
    else if (answer.errorCode !== ErrorCode.NONE) this.#forget(answer.errorCode);
    else {
      this.memberId = answer.memberId;
      this.generation = answer.generation;
      this.partitions = null;
      const isLeader = answer.leaderId === answer.memberId && !answer.skipAssignment;
      this.#led = isLeader ? answer.members.map(({ memberId }) => memberId) : [];
      // At times it takes long, and the generation may be over by then.
      if (random() < 0.8) await this.#sync();
    }
  }

  async #sync(): Promise<void> {
    const isMine = this.#listener();
    const { generation, memberId } = this;
    const memberIds = this.#led;
    const assignments = new Map(memberIds.map((id, index) => [
      id,
      Uint8Array.from(range(partitionCount).filter((partition) => partition % memberIds.length === index)),
    ]));
    this.#simulation.give(generation, assignments);
    const answer = await this.#simulation.desk.sync(memberId, generation, assignments);
    if (answer.errorCode === ErrorCode.NONE) {
      this.#simulation.checkGiven(generation, memberId, answer.assignment);
      this.#own(generation, [...answer.assignment]);
      this.#simulation.generation = Math.max(this.#simulation.generation, generation);
    }
    if (!isMine()) return;
    if (answer.errorCode !== ErrorCode.NONE) this.#forget(answer.errorCode);
    else this.partitions = [...answer.assignment];
  }

  /** (1) */
  #own(generation: number, partitions: readonly number[]): void {
    const { owners } = this.#simulation;
    this.#simulation.syncCount++;
    for (const partition of partitions) {
      const place = `${generation}/${partition}`;
      const owner = owners.get(place) ?? this.#name;
      if (owner !== this.#name) throw new Error(`generation/partition ${place} is ${owner}'s and ${this.#name}'s`);
      owners.set(place, owner);
    }
  }

  async #heartbeat(): Promise<void> {
    const isMine = this.#listener();
    const { memberId, generation } = this;
    const claim = { groupId: "g", memberId, instanceId: this.#instanceId, generation };
    const errorCode = await this.#simulation.desk.coordinator.heartbeat(claim);
    if (isMine() && errorCode !== ErrorCode.NONE) this.#forget(errorCode);
  }

  async #commit(): Promise<void> {
    const isMine = this.#listener();
    const { desk, random, committed, known } = this.#simulation;
    const partitions = this.partitions ?? [];
    const partition = partitions[Math.floor(random() * partitions.length)];
    if (partition === undefined) return;
    const offset = ++committed[partition]!;
    const { memberId, generation } = this;
    const [errorCode] = await desk.commit(offset, {
      memberId,
      generation,
      instanceId: this.#instanceId,
      offsets: [{ topic: "t", topicId: ZERO_UUID, partition, offset, leaderEpoch: -1, metadata: null }],
    });
    if (errorCode === ErrorCode.NONE) known[partition] = Math.max(known[partition]!, offset);
    if (isMine() && errorCode !== ErrorCode.NONE) this.#forget(errorCode);
  }

  /** (2) Its commit was on its way for long; or somebody commits who never was a member. */
  async #commitLate(): Promise<void> {
    const { desk, random, generation } = this.#simulation;
    const former = random() < 0.2 ? { memberId: "stranger", generation } : this.#former;
    if (former === null || (former === this.#former && former.generation >= generation)) return;
    this.#simulation.lateCount++;
    const partition = Math.floor(random() * partitionCount);
    const [errorCode] = await desk.commit(0, {
      ...former,
      instanceId: former === this.#former && random() < 0.5 ? this.#instanceId : null,
      offsets: [{ topic: "t", topicId: ZERO_UUID, partition, offset: 1_000_000, leaderEpoch: -1, metadata: null }],
    });
    if (errorCode === ErrorCode.NONE) {
      throw new Error(`${former.memberId} commits in generation ${former.generation}, and is not in it`);
    }
  }

  async #leave(): Promise<void> {
    const isMine = this.#listener();
    const leaving = { memberId: this.memberId, instanceId: this.#instanceId, reason: "test" };
    await this.#simulation.desk.coordinator.leaveGroup("g", [leaving]);
    if (isMine()) this.#forget();
  }

  /** As clients do: join again with the id while it is good, else as a newcomer; a retriable error is just tried again. */
  #forget(errorCode: number = ErrorCode.UNKNOWN_MEMBER_ID): void {
    if (this.generation >= 0) this.#former = { memberId: this.memberId, generation: this.generation };
    this.generation = -1;
    this.partitions = null;
    if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID || errorCode === ErrorCode.FENCED_INSTANCE_ID) this.memberId = "";
  }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
