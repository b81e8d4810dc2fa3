import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { EPOCH_MAX, type Outcome, type Phase } from "../../../../server/transactions/state.ts";
import { verifyError } from "../../../../server/transactions/step.ts";
import { FIRST_PRODUCER_ID, Machine, of } from "./machine.ts";

const LAST_EPOCH = EPOCH_MAX - 1;

/** A machine in the phase, whose producer has epoch 5. */
function inPhase(phase: Phase, clientVersion: 0 | 2 = 2): Machine {
  switch (phase) {
    case "Empty":
      return Machine.ready({ producerEpoch: 5 });
    case "Ongoing":
      return Machine.ongoing(clientVersion, { producerEpoch: 5 });
    case "PrepareCommit":
    case "PrepareAbort": {
      const machine = Machine.ongoing(clientVersion, { producerEpoch: clientVersion === 2 ? 4 : 5 });
      machine.end(phase === "PrepareCommit" ? "commit" : "abort", { clientVersion });
      machine.land();
      return machine;
    }
    case "CompleteCommit":
    case "CompleteAbort": {
      const machine = inPhase(phase === "CompleteCommit" ? "PrepareCommit" : "PrepareAbort", clientVersion);
      machine.settle();
      return machine;
    }
    case "Dead": {
      const machine = Machine.ready({ producerEpoch: 5 });
      machine.feed({ kind: "closed", errorCode: ErrorCode.NOT_COORDINATOR });
      return machine;
    }
  }
}

describe("InitProducerId", () => {
  test("gives a new id epoch 0, once that is in the log", () => {
    const machine = new Machine();
    const ticket = machine.init();
    expect(machine.code(ticket)).toBe(null);
    machine.land();
    expect(machine.answers.get(ticket)).toEqual({ errorCode: 0, producerId: FIRST_PRODUCER_ID, producerEpoch: 0 });
    expect(machine.durable).toMatchObject({ phase: "Empty", producerEpoch: 0, startMs: -1 });
  });

  test("a new id whose record is not written is forgotten", () => {
    const machine = new Machine();
    const ticket = machine.init();
    machine.land(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(machine.code(ticket)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(machine.isRemoved).toBe(true);
  });

  test.each(["Empty", "CompleteCommit", "CompleteAbort"] as const)("in %s takes the next epoch", (phase) => {
    const machine = inPhase(phase);
    const ticket = machine.init(null, 5_000);
    machine.land();
    expect(machine.answers.get(ticket)).toMatchObject({ errorCode: 0, producerEpoch: 6 });
    expect(machine.state).toMatchObject({ phase: "Empty", timeoutMs: 5_000, lastProducerEpoch: -1 });
  });

  test.each(["PrepareCommit", "PrepareAbort"] as const)("in %s has to wait", (phase) => {
    const machine = inPhase(phase);
    expect(machine.code(machine.init())).toBe(ErrorCode.CONCURRENT_TRANSACTIONS);
  });

  test("aborts an open transaction, fences its producer, and has to come again", () => {
    const machine = inPhase("Ongoing");
    const zombie = machine.identity;
    const first = machine.init();
    machine.land();
    expect(machine.code(first)).toBe(ErrorCode.CONCURRENT_TRANSACTIONS);
    expect(machine.marking).toMatchObject({ marker: { outcome: "abort", producerEpoch: 6, clientVersion: 2 } });
    machine.settle();
    const again = machine.init();
    machine.land();
    expect(machine.answers.get(again)).toMatchObject({ errorCode: 0, producerEpoch: 7 });
    expect(machine.code(machine.add([0], zombie))).toBe(ErrorCode.PRODUCER_FENCED);
    expect(machine.code(machine.end("commit", zombie))).toBe(ErrorCode.PRODUCER_FENCED);
  });

  test("a fence that could not be written changes nothing, and is tried with the same epoch", () => {
    const machine = inPhase("Ongoing");
    const first = machine.init();
    machine.land(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(machine.code(first)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(machine.state).toMatchObject({ phase: "Ongoing", producerEpoch: 5, pending: null });
    machine.init();
    machine.land();
    expect(machine.state).toMatchObject({ phase: "PrepareAbort", producerEpoch: 6 });
  });

  test("of a producer that goes on after an error raises its epoch, and repeats the answer (KIP-360)", () => {
    const machine = inPhase("CompleteAbort");
    const had = machine.identity;
    const first = machine.init(had);
    machine.land();
    expect(machine.answers.get(first)).toMatchObject({ errorCode: 0, producerEpoch: 6 });
    const again = machine.init(had);
    machine.land();
    expect(machine.answers.get(again)).toMatchObject({ errorCode: 0, producerEpoch: 6 });
    machine.init(); // a new producer
    machine.land();
    expect(machine.code(machine.init(had))).toBe(ErrorCode.PRODUCER_FENCED);
  });

  test("of a producer with another id is fenced, unless the id has just been made", () => {
    const machine = inPhase("Empty");
    expect(machine.code(machine.init({ producerId: 77, producerEpoch: 5 }))).toBe(ErrorCode.PRODUCER_FENCED);
    const fresh = new Machine();
    const ticket = fresh.init({ producerId: 77, producerEpoch: 5 });
    fresh.land();
    expect(fresh.answers.get(ticket)).toMatchObject({ errorCode: 0, producerEpoch: 0 });
  });

  test("takes another id where the epochs are used up, and repeats that too", () => {
    const machine = Machine.ready({ producerEpoch: LAST_EPOCH });
    const had = machine.identity;
    const first = machine.init(had);
    machine.land();
    const next = { errorCode: 0, producerId: FIRST_PRODUCER_ID + 1, producerEpoch: 0 };
    expect(machine.answers.get(first)).toEqual(next);
    const again = machine.init(had);
    machine.land();
    expect(machine.answers.get(again)).toEqual(next);
  });
});

describe("partitions", () => {
  test.each(["Empty", "CompleteCommit", "CompleteAbort"] as const)("begin a transaction in %s", (phase) => {
    const machine = inPhase(phase);
    machine.nowMs += 500;
    const ticket = machine.add([0, 1]);
    expect(machine.code(ticket)).toBe(null);
    machine.land();
    expect(machine.code(ticket)).toBe(ErrorCode.NONE);
    expect(machine.durable).toMatchObject({ phase: "Ongoing", startMs: machine.nowMs, partitions: of(0, 1) });
  });

  test("join an open one, which keeps its beginning; those in it already need no record", () => {
    const machine = inPhase("Ongoing");
    const { startMs } = machine.state;
    machine.nowMs += 500;
    machine.add([2]);
    machine.land();
    expect(machine.durable).toMatchObject({ startMs, partitions: of(0, 2) });
    expect(machine.code(machine.add([0, 2]))).toBe(ErrorCode.NONE);
    expect(machine.writing).toBe(null);
  });

  test("of another producer are refused", () => {
    const machine = inPhase("Ongoing");
    expect(machine.code(machine.add([1], { producerId: 77 }))).toBe(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
    expect(machine.code(machine.add([1], { producerEpoch: 4 }))).toBe(ErrorCode.PRODUCER_FENCED);
    expect(machine.code(machine.add([1], { producerEpoch: 6 }))).toBe(ErrorCode.PRODUCER_FENCED);
  });

  test("have to wait while anything is under way, whoever asks", () => {
    for (const phase of ["PrepareCommit", "PrepareAbort"] as const) {
      const machine = inPhase(phase);
      expect(machine.code(machine.add([0]))).toBe(ErrorCode.CONCURRENT_TRANSACTIONS);
      expect(machine.code(machine.add([0], { producerId: 77 }))).toBe(ErrorCode.CONCURRENT_TRANSACTIONS);
    }
    const machine = inPhase("Empty");
    machine.add([0]);
    expect(machine.code(machine.add([1]))).toBe(ErrorCode.CONCURRENT_TRANSACTIONS);
  });

  test("that could not be written down are not in it", () => {
    const machine = inPhase("Empty");
    const ticket = machine.add([0]);
    machine.land(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(machine.code(ticket)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(machine.state).toMatchObject({ phase: "Empty", startMs: -1 });
    expect(machine.state.partitions.size).toBe(0);
  });

  test("are verified: those of the open transaction of this producer, and no others", () => {
    const place = { topic: "t", partition: 0 };
    const ongoing = inPhase("Ongoing");
    const { identity } = ongoing;
    expect(verifyError(ongoing.state, identity, place)).toBe(ErrorCode.NONE);
    expect(verifyError(ongoing.state, identity, { topic: "t", partition: 1 })).toBe(ErrorCode.TRANSACTION_ABORTABLE);
    expect(verifyError(ongoing.state, { ...identity, producerEpoch: 4 }, place)).toBe(ErrorCode.PRODUCER_FENCED);
    expect(verifyError(ongoing.state, { ...identity, producerId: 7 }, place))
      .toBe(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
    for (const phase of ["PrepareCommit", "PrepareAbort"] as const) {
      const prepared = inPhase(phase);
      expect(verifyError(prepared.state, prepared.identity, place)).toBe(ErrorCode.CONCURRENT_TRANSACTIONS);
    }
    for (const phase of ["Empty", "CompleteCommit", "CompleteAbort"] as const) {
      const { state, identity } = inPhase(phase);
      expect(verifyError(state, identity, place)).toBe(ErrorCode.TRANSACTION_ABORTABLE);
    }
  });
});

describe("an end by KIP-890", () => {
  test.each(["commit", "abort"] as const)(
    "%s is answered once decided, and complete once all markers are written",
    (outcome) => {
      const machine = inPhase("Ongoing");
      const ticket = machine.end(outcome);
      expect(machine.code(ticket)).toBe(null);
      expect(machine.marking).toBe(null);
      machine.land();
      expect(machine.answers.get(ticket)).toEqual({ errorCode: 0, producerId: FIRST_PRODUCER_ID, producerEpoch: 6 });
      expect(machine.durable).toMatchObject({ phase: outcome === "commit" ? "PrepareCommit" : "PrepareAbort" });
      expect(machine.marking).toMatchObject({
        marker: { outcome, producerEpoch: 6, clientVersion: 2 },
        partitions: of(0),
      });
      machine.mark();
      machine.land();
      expect(machine.durable).toMatchObject({ phase: outcome === "commit" ? "CompleteCommit" : "CompleteAbort" });
      expect(machine.durable!.partitions.size).toBe(0);
    },
  );

  /** As the table in end.ts: of an end with the present epoch, and of one with the epoch before it. */
  const table: readonly (readonly [Phase, Outcome, current: string, again: string])[] = [
    ["Empty", "abort", "begins", "PRODUCER_FENCED"],
    ["Empty", "commit", "INVALID_TXN_STATE", "PRODUCER_FENCED"],
    ["Ongoing", "abort", "begins", "PRODUCER_FENCED"],
    ["Ongoing", "commit", "begins", "PRODUCER_FENCED"],
    ["PrepareCommit", "commit", "CONCURRENT_TRANSACTIONS", "CONCURRENT_TRANSACTIONS"],
    ["PrepareCommit", "abort", "CONCURRENT_TRANSACTIONS", "CONCURRENT_TRANSACTIONS"],
    ["PrepareAbort", "commit", "CONCURRENT_TRANSACTIONS", "CONCURRENT_TRANSACTIONS"],
    ["PrepareAbort", "abort", "CONCURRENT_TRANSACTIONS", "CONCURRENT_TRANSACTIONS"],
    ["CompleteCommit", "commit", "INVALID_TXN_STATE", "NONE"],
    ["CompleteCommit", "abort", "begins", "INVALID_TXN_STATE"],
    ["CompleteAbort", "commit", "INVALID_TXN_STATE", "INVALID_TXN_STATE"],
    ["CompleteAbort", "abort", "begins", "NONE"],
    ["Dead", "commit", "NOT_COORDINATOR", "NOT_COORDINATOR"],
  ];
  test.each(table)("in %s: %s → %s, again → %s", (phase, outcome, current, again) => {
    for (const [expected, difference] of [[current, 0], [again, 1]] as const) {
      const machine = inPhase(phase);
      const { producerEpoch } = machine.state;
      const code = machine.code(machine.end(outcome, { producerEpoch: producerEpoch - difference }));
      expect([expected, code]).toEqual([expected, expected === "begins" ? null : ErrorCode[expected as "NONE"]]);
    }
  });

  test("asked for again after a lost answer tells what to go on with", () => {
    const machine = inPhase("CompleteCommit");
    const ticket = machine.end("commit", { producerEpoch: 4 });
    expect(machine.answers.get(ticket)).toEqual({ errorCode: 0, producerId: FIRST_PRODUCER_ID, producerEpoch: 5 });
  });

  test("is not known again by the epoch before, where the last end was one by the old rules and raised none", () => {
    const machine = inPhase("CompleteCommit", 0);
    const { producerEpoch } = machine.state;
    const ticket = machine.end("commit", { producerEpoch: producerEpoch - 1 });
    expect(machine.code(ticket)).toBe(ErrorCode.PRODUCER_FENCED);
  });

  test("an abort of nothing has no markers, and raises the epoch", () => {
    const machine = inPhase("Empty");
    const ticket = machine.end("abort");
    machine.land();
    expect(machine.answers.get(ticket)).toMatchObject({ errorCode: 0, producerEpoch: 6 });
    expect(machine.marking).toBe(null);
    machine.land();
    expect(machine.durable).toMatchObject({ phase: "CompleteAbort", producerEpoch: 6, startMs: machine.nowMs });
  });

  test("that uses the last epoch up goes on with another id, whose first requests wait for the end", () => {
    const machine = Machine.ongoing(2, { producerEpoch: LAST_EPOCH });
    const had = machine.identity;
    const next = { producerId: FIRST_PRODUCER_ID + 1, producerEpoch: 0 };
    const ticket = machine.end("commit");
    machine.land();
    expect(machine.answers.get(ticket)).toEqual({ errorCode: 0, ...next });
    expect(machine.marking).toMatchObject({ marker: { ...had, producerEpoch: EPOCH_MAX } });
    expect(machine.code(machine.add([0], next))).toBe(ErrorCode.CONCURRENT_TRANSACTIONS);
    machine.settle();
    expect(machine.answers.get(machine.end("commit", had))).toEqual({ errorCode: 0, ...next });
    const added = machine.add([0], next);
    machine.land();
    expect(machine.code(added)).toBe(ErrorCode.NONE);
  });

  test("a timeout at the last epoch leaves nobody with it", () => {
    const machine = Machine.ongoing(2, { producerEpoch: LAST_EPOCH });
    const had = machine.identity;
    machine.timeOut();
    machine.settle();
    expect(machine.state).toMatchObject({
      phase: "CompleteAbort",
      producerId: FIRST_PRODUCER_ID + 1,
      producerEpoch: 0,
    });
    // It was aborted, which is what the producer now asks for.
    expect(machine.answers.get(machine.end("abort", had))).toMatchObject({ errorCode: 0, producerEpoch: 0 });
    expect(machine.code(machine.end("commit", had))).toBe(ErrorCode.INVALID_TXN_STATE);
  });

  test("could not be written: the transaction is open", () => {
    const machine = inPhase("Ongoing");
    const ticket = machine.end("commit");
    machine.land(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(machine.code(ticket)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(machine.state).toMatchObject({ phase: "Ongoing", producerEpoch: 5 });
    expect(machine.marking).toBe(null);
  });
});

describe("an end by the old rules", () => {
  const table: readonly (readonly [Phase, Outcome, string])[] = [
    ["Empty", "abort", "INVALID_TXN_STATE"],
    ["Empty", "commit", "INVALID_TXN_STATE"],
    ["Ongoing", "abort", "begins"],
    ["Ongoing", "commit", "begins"],
    ["PrepareCommit", "commit", "CONCURRENT_TRANSACTIONS"],
    ["PrepareAbort", "abort", "CONCURRENT_TRANSACTIONS"],
    ["CompleteCommit", "commit", "NONE"],
    ["CompleteCommit", "abort", "INVALID_TXN_STATE"],
    ["CompleteAbort", "commit", "INVALID_TXN_STATE"],
    ["CompleteAbort", "abort", "NONE"],
  ];
  test.each(table)("in %s: %s → %s", (phase, outcome, expected) => {
    const machine = inPhase(phase, 0);
    const code = machine.code(machine.end(outcome, { clientVersion: 0 }));
    expect(code).toBe(expected === "begins" ? null : ErrorCode[expected as "NONE"]);
    expect(machine.code(machine.end(outcome, { clientVersion: 0, producerEpoch: 4 }))).toBe(ErrorCode.PRODUCER_FENCED);
    expect(machine.code(machine.end(outcome, { clientVersion: 0, producerId: 7 })))
      .toBe(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  });

  test("keeps the epoch, tells no identity, and its markers have the epoch of the records", () => {
    const machine = inPhase("Ongoing", 0);
    const ticket = machine.end("commit", { clientVersion: 0 });
    machine.land();
    expect(machine.answers.get(ticket)).toEqual({ errorCode: 0, producerId: -1, producerEpoch: -1 });
    expect(machine.marking).toMatchObject({ marker: { producerEpoch: 5, clientVersion: 0 } });
    machine.settle();
    expect(machine.state).toMatchObject({ phase: "CompleteCommit", producerEpoch: 5 });
  });
});

describe("time", () => {
  test("ends an open transaction, and only that", () => {
    for (
      const phase of ["Empty", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead"] as const
    ) {
      const machine = inPhase(phase);
      const before = machine.state;
      machine.timeOut();
      expect(machine.state).toEqual(before);
    }
    const machine = inPhase("Ongoing", 0);
    machine.timeOut();
    machine.settle();
    // Whoever's it was, it is ended by the rules of the broker.
    expect(machine.state).toMatchObject({ phase: "CompleteAbort", producerEpoch: 6, clientVersion: 2 });
  });

  test("makes an unused id forgotten, once that is in the log", () => {
    const machine = inPhase("CompleteCommit");
    machine.feed({ kind: "expired" });
    expect(machine.code(machine.add([0]))).toBe(ErrorCode.CONCURRENT_TRANSACTIONS);
    machine.land();
    expect(machine.isRemoved).toBe(true);
    expect(machine.durable).toBe(null);
    const used = inPhase("Ongoing");
    used.feed({ kind: "expired" });
    expect(used.writing).toBe(null);
  });
});

describe("after a crash", () => {
  test.each(["PrepareCommit", "PrepareAbort"] as const)("an end in %s goes on", (phase) => {
    const machine = inPhase(phase).restart();
    expect(machine.marking).toMatchObject({ partitions: of(0), marker: { producerEpoch: 5 } });
    machine.settle();
    expect(machine.state.phase).toBe(phase === "PrepareCommit" ? "CompleteCommit" : "CompleteAbort");
  });

  test("one whose markers were all written is completed", () => {
    const machine = inPhase("PrepareCommit");
    machine.mark();
    const after = machine.restart();
    after.settle();
    expect(after.durable).toMatchObject({ phase: "CompleteCommit" });
  });

  test("the rest is as it was, and waits", () => {
    for (const phase of ["Empty", "Ongoing", "CompleteCommit", "CompleteAbort"] as const) {
      const machine = inPhase(phase);
      const after = machine.restart();
      expect([after.writing, after.marking]).toEqual([null, null]);
      expect(after.state).toEqual({ ...machine.state, lastProducerEpoch: -1 });
    }
  });
});

test("a completion that could not be written is tried again, and nothing begins before", () => {
  const machine = inPhase("PrepareCommit");
  machine.mark();
  machine.land(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  expect(machine.retriesWanted).toBe(1);
  expect(machine.code(machine.add([0]))).toBe(ErrorCode.CONCURRENT_TRANSACTIONS);
  machine.feed({ kind: "retryCompletion" });
  machine.land();
  expect(machine.state.phase).toBe("CompleteCommit");
});

test("whoever waits when it is closed is told where to look", () => {
  const machine = inPhase("Ongoing");
  const ticket = machine.end("commit");
  machine.feed({ kind: "closed", errorCode: ErrorCode.NOT_COORDINATOR });
  expect(machine.code(ticket)).toBe(ErrorCode.NOT_COORDINATOR);
  machine.land();
  expect(machine.marking).toBe(null);
});
