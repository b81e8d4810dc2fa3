/**
 * Consumers of the new protocol on a coordinator that is killed, whose log fails and stalls. Each does what a real one
 * does (joins, gives up what it is told to, says so, commits, leaves), and sometimes dies without a word; its answers
 * come late, or never. Time is virtual.
 *
 * What must hold, whatever happens:
 *  1. A partition is one consumer's at a time: nobody is given it while another, that is alive, has it.
 *  2. A committed offset that was answered, or seen, is there from then on: offsets never go back unasked. Who lost a
 *     partition cannot commit for it once another has it.
 *  3. Nobody waits for ever; and once disturbances end, every partition has a consumer, and the group is stable.
 *
 *     SEED=123 bun test tests/simulation/consumer_groups_test.ts        the run that failed, again
 */
import { expect } from "bun:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { HeartbeatAnswer } from "../../server/groups/consumer/state.ts";
import { phaseOf } from "../../server/groups/consumer/state.ts";
import { testRandomRuns } from "../support/random_runs.ts";
import { Desk } from "../unit/server/groups/desk.ts";
import { consumerCount, partitionCount, TroubledGroups } from "./troubled_groups.ts";

testRandomRuns(
  "a consumer group keeps its promises through crashes and failing writes",
  8,
  (seed) => new Simulation(seed).run(),
);

class Simulation extends TroubledGroups<Consumer> {
  givenCount = 0;
  /** By partition: who had it last, and how often it has gone from one to another. */
  readonly #holders = new Map<number, Consumer>();
  readonly handovers = new Array<number>(partitionCount).fill(0);
  nextId = 0;

  get topicId(): string {
    return this.desk.topics.topic("t")!.id;
  }

  async run(): Promise<void> {
    this.desk = await Desk.loaded({
      seed: Math.floor(this.random() * 2 ** 31),
      config: { "group.consumer.assignment.interval.ms": this.random() < 0.5 ? "0" : "1000" },
    });
    this.desk.topics.put("t", partitionCount);
    for (let index = 0; index < consumerCount; index++) {
      this.consumers.push(new Consumer(this, this.random() < 0.4 ? `instance-${index}` : null));
    }
    await this.play();
    expect(this.givenCount > 0).toBe(true);
  }

  /** (1) */
  given(consumer: Consumer, partitions: readonly number[]): void {
    this.givenCount++;
    for (const partition of partitions) {
      if (this.#holders.get(partition) !== consumer) this.handovers[partition]!++;
      this.#holders.set(partition, consumer);
      const other = this.consumers.find((one) => one !== consumer && one.isAlive && one.owned.includes(partition));
      if (other === undefined) continue;
      this.failure ??= new Error(`partition ${partition} is given to ${consumer.name}, and ${other.name} has it`);
    }
  }

  /** (3) */
  protected override async calm(): Promise<void> {
    const { topic } = this.desk;
    topic.errorCode = 0;
    topic.gate = null;
    for (let second = 0; second < 300; second++) {
      for (const consumer of this.consumers) consumer.act(true);
      await this.desk.runtime.advance(1_000);
      if (this.failure !== null) throw this.failure;
    }
    await this.checkOffsets();
    const state = this.desk.coordinator.describeConsumerGroup("g");
    expect(typeof state === "object" ? phaseOf(state) : state).toBe("Stable");
    const all = this.consumers.flatMap(({ owned }) => [...owned]);
    expect(all.sort((one, other) => one - other)).toEqual(Array.from({ length: partitionCount }, (_, index) => index));
    for (const consumer of this.consumers) await consumer.leave(true);
    expect(this.consumers.filter(({ isWaiting }) => isWaiting)).toEqual([]);
  }
}

class Consumer {
  owned: readonly number[] = [];
  readonly #simulation: Simulation;
  readonly #instanceId: string | null;
  #memberId: string;
  #epoch = 0;
  /** It must say all there is to say. */
  #isUnsure = true;
  /** Its answer tells of what it had lost, and in which epoch it had it. */
  #lost: { readonly partition: number; readonly epoch: number; readonly handovers: number } | null = null;
  #waitingIn = -1;
  #waitsSinceMs = 0;
  /** When the coordinator last heard of it, so far as it knows. */
  #heardMs = -Infinity;
  /** Counts its lives: an answer to an earlier one is nobody's. */
  #session = 0;

  constructor(simulation: Simulation, instanceId: string | null) {
    this.#simulation = simulation;
    this.#instanceId = instanceId;
    this.#memberId = `m${simulation.nextId++}`;
  }

  get name(): string {
    return this.#memberId;
  }

  get #nowMs(): number {
    return this.#simulation.desk.runtime.clock.nowMs();
  }

  get isWaiting(): boolean {
    return this.#waitingIn === this.#simulation.life;
  }

  /** Otherwise its session may be over without its knowing. */
  get isAlive(): boolean {
    return this.#nowMs - this.#heardMs < 44_000;
  }

  act(isCalm = false): void {
    const { random } = this.#simulation;
    if (!isCalm && random() < 0.01) return this.#die();
    if (this.isWaiting) {
      // It gives up on an answer, and asks again: the first may yet come, and is not heard.
      if (this.#nowMs - this.#waitsSinceMs < 8_000) return;
      this.#session++;
      this.#waitingIn = -1;
      this.#isUnsure = true;
    }
    if (!isCalm && this.#epoch > 0 && random() < 0.02) return void this.leave(false);
    if (this.#epoch > 0 && random() < 0.3) void this.#commit();
    else void this.#heartbeat();
  }

  /** Somebody new takes its place; what it had nobody uses any more. */
  #die(): void {
    this.#session++;
    this.#waitingIn = -1;
    this.#memberId = `m${this.#simulation.nextId++}`;
    this.#rejoin();
  }

  #rejoin(): void {
    this.owned = [];
    this.#epoch = 0;
    this.#isUnsure = true;
    this.#lost = null;
    this.#heardMs = -Infinity;
  }

  async #heartbeat(): Promise<void> {
    const { desk, topicId } = this.#simulation;
    const owned = this.owned.length === 0 ? [] : [{ topicId, partitions: this.owned }];
    const isFull = this.#isUnsure || this.#epoch === 0;
    const answer = await this.#ask(desk.heartbeat(this.#memberId, this.#epoch, {
      instanceId: this.#instanceId,
      owned: isFull || this.#simulation.random() < 0.5 ? owned : null,
      ...(isFull ? { topics: ["t"], rebalanceTimeoutMs: 60_000 } : {}),
    }));
    if (answer === null) return;
    if (answer.errorCode === ErrorCode.NONE) this.#take(answer);
    else this.#refused(answer.errorCode);
  }

  #take({ memberEpoch, assignment }: HeartbeatAnswer): void {
    this.#heardMs = this.#waitsSinceMs;
    this.#isUnsure = false;
    const before = this.#epoch;
    this.#epoch = memberEpoch;
    if (assignment === null) return;
    const given = assignment.get(this.#simulation.topicId) ?? [];
    for (const partition of this.owned) {
      const handovers = this.#simulation.handovers[partition]!;
      if (!given.includes(partition)) this.#lost = { partition, epoch: before, handovers };
    }
    const had = this.owned;
    this.owned = given;
    this.#simulation.given(this, given.filter((partition) => !had.includes(partition)));
    // What it was told to give up it says with its next heartbeat.
    this.#isUnsure = had.some((partition) => !given.includes(partition));
  }

  #refused(errorCode: number): void {
    this.#isUnsure = true;
    const isOut = errorCode === ErrorCode.FENCED_MEMBER_EPOCH || errorCode === ErrorCode.UNKNOWN_MEMBER_ID ||
      errorCode === ErrorCode.GROUP_ID_NOT_FOUND || errorCode === ErrorCode.FENCED_INSTANCE_ID;
    if (isOut) this.#rejoin();
  }

  async #commit(): Promise<void> {
    const { desk, topicId, committed, known, random } = this.#simulation;
    const isZombie = this.#lost !== null && random() < 0.3;
    const partition = isZombie ? this.#lost!.partition : this.owned[Math.floor(random() * this.owned.length)];
    if (partition === undefined) return;
    // Another has it, or has had it meanwhile.
    const hasOther = isZombie && (this.#simulation.handovers[partition]! > this.#lost!.handovers ||
      this.#simulation.consumers.some((one) => one !== this && one.isAlive && one.owned.includes(partition)));
    const offset = hasOther ? 1_000_000 : committed[partition]! + 1;
    if (!hasOther) committed[partition] = offset;
    const epoch = isZombie ? this.#lost!.epoch : this.#epoch;
    const codes = await this.#ask(desk.commit(0, {
      memberId: this.#memberId,
      instanceId: this.#instanceId,
      generation: epoch,
      apiVersion: 9,
      offsets: [{ topic: "t", topicId, partition, offset, leaderEpoch: 0, metadata: "" }],
    }));
    if (codes === null) return;
    if (codes[0] === ErrorCode.NONE && hasOther) {
      this.#simulation.failure ??= new Error(`${this.name} committed for partition ${partition}, which another has`);
    } else if (codes[0] === ErrorCode.NONE) known[partition] = Math.max(known[partition]!, offset);
  }

  async leave(isForGood: boolean): Promise<void> {
    const epoch = this.#instanceId !== null && !isForGood ? -2 : -1;
    const { desk } = this.#simulation;
    this.#rejoin();
    const leaving = desk.heartbeat(this.#memberId, epoch, { instanceId: this.#instanceId });
    this.#memberId = `m${this.#simulation.nextId++}`;
    this.#session++;
    const answered = this.#ask(leaving);
    if (isForGood) await desk.until(answered);
  }

  /** null: the answer is not for this life, or the coordinator that was asked is no more. */
  async #ask<Answer>(answer: Promise<Answer>): Promise<Answer | null> {
    const { life } = this.#simulation;
    const session = this.#session;
    this.#waitingIn = life;
    this.#waitsSinceMs = this.#nowMs;
    const got = await answer;
    if (session !== this.#session || life !== this.#simulation.life) return null;
    this.#waitingIn = -1;
    // An answer may be lost on its way.
    if (this.#simulation.random() < 0.03) {
      this.#isUnsure = true;
      return null;
    }
    return got;
  }
}
