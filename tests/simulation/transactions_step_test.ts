/**
 * A transactional id that several producers fight over: random requests in any order, writes that fail, markers that land one by
 * one, and crashes at any moment, with what was on its way to the log in it or not. Old and new clients at once.
 *
 * What must hold, whatever happens:
 *  1. A transaction is whole or absent: one outcome in all its partitions.
 *  2. What a client was told of an end is what became of it, and stays so.
 *  3. No record comes into a partition behind the marker of its transaction, and no two transactions share one.
 *  4. No identity is told to two producers, and of two the later fences the earlier.
 *  5. Every request is answered, and once clients fall silent every transaction ends.
 *
 *     SEED=123 bun test tests/simulation/transactions_step_test.ts        the run that failed, again
 */
import { expect } from "bun:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { placesOf } from "../../server/transactions/partition_set.ts";
import {
  EPOCH_MAX,
  isPrepared,
  type Marker,
  type Outcome,
  type ProducerIdentity,
} from "../../server/transactions/state.ts";
import { verifyError } from "../../server/transactions/step.ts";
import { RandomRun, testRandomRuns } from "../support/random_runs.ts";
import { Machine, of } from "../unit/server/transactions/machine.ts";

const stepCount = 300;
const partitionCount = 4;

let commitCount = 0;

testRandomRuns(
  "a transaction is whole or absent, whatever comes between",
  200,
  (seed) => {
    commitCount += new World(seed).run();
  },
  (runCount) => expect(commitCount).toBeGreaterThan(runCount),
);

/** A partition's open transaction, as its log knows it. */
interface Open extends ProducerIdentity {
  readonly token: number;
}

class World extends RandomRun {
  machine: Machine;
  readonly producers: Producer[];
  readonly open: (Open | null)[] = new Array(partitionCount).fill(null);
  /** The highest epoch that a partition has seen of an id. */
  readonly epochs = new Map<string, number>();
  /** Token → partition → outcome, of transactions that have ended there. */
  readonly outcomes = new Map<number, Map<number, Outcome>>();
  /** What clients were told. */
  readonly told = new Map<number, Outcome>();
  readonly given = new Set<string>();
  /** Markers on their way, and how many of their partitions have them. */
  markedCount = 0;
  lastToken = 0;

  constructor(runSeed: number) {
    super(runSeed);
    this.machine = new Machine();
    if (this.chance(0.3)) {
      // Soon out of epochs.
      this.machine.state = { ...this.machine.state, producerEpoch: EPOCH_MAX - 1 - Math.floor(this.random() * 12) };
    }
    this.producers = Array.from({ length: 3 }, () => new Producer(this, this.chance(0.5) ? 2 : 0));
  }

  run(): number {
    for (let round = 0; round < stepCount; round++) {
      this.disturb();
      this.pick(this.producers).act();
      for (const producer of this.producers) producer.hear();
      this.check();
    }
    this.calm();
    return [...this.told.values()].filter((outcome) => outcome === "commit").length;
  }

  disturb(): void {
    const { machine } = this;
    machine.nowMs += Math.floor(this.random() * 100);
    if (machine.isRemoved || this.chance(0.02)) return this.crash();
    if (this.chance(0.01)) machine.timeOut();
    if (machine.retriesWanted > 0 && this.chance(0.5)) {
      machine.retriesWanted--;
      machine.feed({ kind: "retryCompletion" });
    }
    if (machine.writing !== null && this.chance(0.6)) {
      machine.land(this.chance(0.1) ? ErrorCode.COORDINATOR_NOT_AVAILABLE : ErrorCode.NONE);
    }
    if (this.chance(0.7)) this.writeMarker();
  }

  /** The next partition gets its marker; after the last the machine is told. */
  writeMarker(): void {
    const { marking } = this.machine;
    if (marking === null) return;
    const places = [...placesOf(marking.partitions)];
    const place = places[this.markedCount];
    if (place !== undefined) {
      this.mark(place.partition, marking.marker);
      this.markedCount++;
      // The machine may hear of each, or of all at once.
      if (this.chance(0.5)) this.hearOf(place.partition);
      return;
    }
    this.markedCount = 0;
    this.machine.mark();
  }

  hearOf(partition: number): void {
    const { machine } = this;
    machine.feed({ kind: "marked", partitions: of(partition) });
    if (machine.state.pending === null && isPrepared(machine.state)) return;
    machine.marking = null;
    this.markedCount = 0;
  }

  mark(partition: number, marker: Marker): void {
    const key = `${partition}:${marker.producerId}`;
    const epoch = this.epochs.get(key) ?? -1;
    const open = this.open[partition]!;
    const isOpen = open !== null && open.producerId === marker.producerId;
    if (marker.producerEpoch < epoch) throw new Error(`a marker of epoch ${marker.producerEpoch} comes after ${epoch}`);
    if (marker.clientVersion === 2 && isOpen && marker.producerEpoch === epoch) {
      throw new Error(`a marker has the epoch of its records, ${epoch}`);
    }
    this.epochs.set(key, marker.producerEpoch);
    if (!isOpen) return;
    this.open[partition] = null;
    let outcomes = this.outcomes.get(open.token);
    if (outcomes === undefined) this.outcomes.set(open.token, outcomes = new Map());
    outcomes.set(partition, marker.outcome);
  }

  /** What the broker does with a batch: looks whether it may come in, and appends it. */
  produce(partition: number, token: number, identity: ProducerIdentity): boolean {
    const open = this.open[partition]!;
    const isOpen = open !== null && open.producerId === identity.producerId &&
      open.producerEpoch === identity.producerEpoch;
    const place = { topic: "t", partition };
    if (!isOpen && verifyError(this.machine.state, identity, place) !== ErrorCode.NONE) return false;
    const key = `${partition}:${identity.producerId}`;
    if (identity.producerEpoch < (this.epochs.get(key) ?? -1)) return false;
    this.epochs.set(key, identity.producerEpoch);
    if (open === null) this.open[partition] = { token, ...identity };
    else if (open.token !== token) throw new Error(`transaction ${token} shares the one of ${open.token}`); // (3)
    if (this.outcomes.get(token)?.has(partition) === true) throw new Error(`${token} comes behind its marker`); // (3)
    return true;
  }

  crash(): void {
    const { machine } = this;
    if (machine.writing !== null && this.chance(0.5)) machine.durable = machine.writing.value;
    this.markedCount = 0;
    for (const producer of this.producers) producer.lost();
    if (machine.durable !== null) {
      this.machine = machine.restart();
    } else {
      // Its first InitProducerId finds nothing, and makes it anew with another id.
      const next = new Machine();
      next.nowMs = machine.nowMs;
      next.nextProducerId = machine.nextProducerId + 1;
      next.state = { ...next.state, producerId: machine.nextProducerId };
      this.machine = next;
    }
  }

  /** A transaction that has ended in some partition ends everywhere, in one way (1), as was told (2). */
  check(): void {
    for (const [token, byPartition] of this.outcomes) {
      const all = new Set(byPartition.values());
      const told = this.told.get(token);
      if (told !== undefined) all.add(told);
      if (all.size > 1) throw new Error(`transaction ${token} is ${[...byPartition]}, told: ${told}`);
    }
  }

  /** Clients fall silent. (5) */
  calm(): void {
    for (let round = 0; round < 3; round++) {
      while (this.machine.writing !== null || this.machine.marking !== null || this.machine.retriesWanted > 0) {
        if (this.machine.retriesWanted > 0) {
          this.machine.retriesWanted--;
          this.machine.feed({ kind: "retryCompletion" });
        }
        if (this.machine.writing !== null) this.machine.land();
        this.writeMarker();
      }
      this.machine.timeOut();
    }
    for (const producer of this.producers) producer.hear();
    this.check();
    expect(this.machine.state.phase).toMatch(/^(Empty|Complete.*|Dead)$/);
    expect(this.open).toEqual(new Array(partitionCount).fill(null));
    expect(this.producers.filter(({ isWaiting }) => isWaiting)).toEqual([]);
    for (const [token, outcome] of this.told) {
      for (const found of this.outcomes.get(token)?.values() ?? []) expect([token, found]).toEqual([token, outcome]);
    }
  }

  /** (4) */
  give({ producerId, producerEpoch }: ProducerIdentity): void {
    const key = `${producerId}:${producerEpoch}`;
    if (this.given.has(key)) throw new Error(`${key} is told twice`);
    this.given.add(key);
  }
}

class Producer {
  readonly #world: World;
  readonly #clientVersion: 0 | 2;
  #identity: ProducerIdentity | null = null;
  /** 0 while none is open. */
  #token = 0;
  readonly #added = new Set<number>();
  /** What it is about to be told, and in which life of the coordinator it asked. */
  #request: {
    readonly machine: Machine;
    readonly ticket: number;
    readonly heard: (errorCode: number, identity: ProducerIdentity) => void;
  } | null = null;
  /** A write that was sent before the end, and is still on its way. */
  #late: { readonly partition: number; readonly token: number; readonly identity: ProducerIdentity } | null = null;
  /** An end it has no answer to: it asks again, and for nothing else. */
  #ending: Outcome | null = null;

  constructor(world: World, clientVersion: 0 | 2) {
    this.#world = world;
    this.#clientVersion = clientVersion;
  }

  get isWaiting(): boolean {
    return this.#request !== null;
  }

  /** The coordinator is gone, with the request. */
  lost(): void {
    this.#request = null;
  }

  hear(): void {
    const request = this.#request;
    const answer = request?.machine.answers.get(request.ticket);
    if (request === null || answer === undefined) return;
    this.#request = null;
    // An answer may be lost, too.
    if (!this.#world.chance(0.1)) request.heard(answer.errorCode, answer);
  }

  /** By the rules of before KIP-890 it would pass for one of the producer's next transaction: it comes before that. */
  #arriveLate(): void {
    if (this.#late === null || !this.#world.chance(0.3)) return;
    const { partition, token, identity } = this.#late;
    this.#late = null;
    if (this.#token === 0 || this.#token === token) this.#world.produce(partition, token, identity);
  }

  act(): void {
    this.#arriveLate();
    if (this.#request !== null) return;
    const world = this.#world;
    const identity = this.#identity;
    if (identity === null) {
      if (world.chance(0.2)) this.#init();
      return;
    }
    if (this.#ending !== null) return this.#end(this.#ending);
    const dice = world.random();
    if (dice < 0.01) return this.#init();
    if (dice < 0.5) return this.#write(identity);
    if (this.#token !== 0 && dice < 0.75) return this.#end(world.chance(0.7) ? "commit" : "abort");
  }

  #ask(ticket: number, heard: (errorCode: number, identity: ProducerIdentity) => void): void {
    this.#request = { machine: this.#world.machine, ticket, heard };
  }

  #init(): void {
    this.#forget();
    this.#identity = null;
    this.#ask(this.#world.machine.init(), (errorCode, { producerId, producerEpoch }) => {
      if (errorCode !== ErrorCode.NONE) return;
      this.#identity = { producerId, producerEpoch };
      this.#world.give(this.#identity);
    });
  }

  #write(identity: ProducerIdentity): void {
    const world = this.#world;
    const partition = Math.floor(world.random() * partitionCount);
    if (this.#token === 0) this.#token = ++world.lastToken;
    if (this.#added.has(partition)) {
      world.produce(partition, this.#token, identity);
      return;
    }
    const token = this.#token;
    const ticket = world.machine.add([partition], { ...identity, clientVersion: this.#clientVersion });
    this.#ask(ticket, (errorCode) => {
      if (isFenced(errorCode)) return this.#fenced();
      if (errorCode !== ErrorCode.NONE || this.#token !== token) return;
      this.#added.add(partition);
      world.produce(partition, token, identity);
    });
  }

  #end(outcome: Outcome): void {
    const world = this.#world;
    const token = this.#token;
    const partition = [...this.#added][0];
    if (this.#late === null && partition !== undefined && world.chance(0.3)) {
      this.#late = { partition, token, identity: this.#identity! };
    }
    this.#ending = outcome;
    const ticket = world.machine.end(outcome, { ...this.#identity!, clientVersion: this.#clientVersion });
    this.#ask(ticket, (errorCode, next) => {
      if (isFenced(errorCode) || errorCode === ErrorCode.INVALID_TXN_STATE) return this.#fenced();
      if (errorCode !== ErrorCode.NONE) return;
      const before = world.told.get(token);
      if (before !== undefined && before !== outcome) throw new Error(`${token} is ${before}, and now ${outcome}`);
      world.told.set(token, outcome);
      if (this.#clientVersion === 2) {
        this.#identity = { producerId: next.producerId, producerEpoch: next.producerEpoch };
      }
      this.#forget();
    });
  }

  #fenced(): void {
    this.#identity = null;
    this.#forget();
  }

  #forget(): void {
    this.#token = 0;
    this.#added.clear();
    this.#ending = null;
  }
}

function isFenced(errorCode: number): boolean {
  return errorCode === ErrorCode.PRODUCER_FENCED || errorCode === ErrorCode.INVALID_PRODUCER_ID_MAPPING;
}
