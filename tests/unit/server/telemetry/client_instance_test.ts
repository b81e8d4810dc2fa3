import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { ask, type ClientInstance, newInstance, push } from "../../../../server/telemetry/client_instance.ts";
import { ClientInstances } from "../../../../server/telemetry/client_instances.ts";

const wanted = { metrics: ["*"], intervalMs: 1000 };
const fresh = newInstance(wanted, 0, 7);
const report = { subscriptionId: 7, isLast: false, compression: 0, sizeBytes: 10 };

/** Error codes of a history: "ask" or a report, and when. */
function history(...events: readonly (readonly [what: "ask" | Partial<typeof report>, nowMs: number])[]): number[] {
  let instance: ClientInstance = fresh;
  return events.map(([what, nowMs]) => {
    const [after, errorCode] = what === "ask"
      ? ask(instance, nowMs)
      : push(instance, { ...report, ...what }, nowMs, 100);
    instance = after;
    return errorCode;
  });
}

const { NONE, THROTTLING_QUOTA_EXCEEDED: THROTTLED } = ErrorCode;

describe("a client instance", () => {
  test("asks once an interval", () => {
    expect(history(["ask", 0], ["ask", 999], ["ask", 1000], ["ask", 1001])).toEqual([NONE, THROTTLED, NONE, THROTTLED]);
  });

  test("reports at once after it asked, then once an interval", () => {
    expect(history(["ask", 0], [{}, 1], [{}, 2], [{}, 1000], [{}, 1001])).toEqual([
      NONE,
      NONE,
      THROTTLED,
      THROTTLED,
      NONE,
    ]);
  });

  test("reports without having asked, as after the broker's restart, and does not ask soon after", () => {
    expect(history([{}, 0], ["ask", 500], ["ask", 1000])).toEqual([NONE, THROTTLED, NONE]);
  });

  test("may report early for the last time, and not after that", () => {
    const last = { isLast: true };
    expect(history(["ask", 0], [{}, 1], [last, 2], [last, 3], [{}, 5000])).toEqual([
      NONE,
      NONE,
      NONE,
      ErrorCode.INVALID_REQUEST,
      ErrorCode.INVALID_REQUEST,
    ]);
  });

  test("is told when it goes by another subscription, and may ask at once", () => {
    expect(history(["ask", 0], [{ subscriptionId: 8 }, 1], ["ask", 2], ["ask", 3])).toEqual([
      NONE,
      ErrorCode.UNKNOWN_SUBSCRIPTION_ID,
      NONE,
      THROTTLED,
    ]);
  });

  test("is told when its compression does not exist, and may ask at once", () => {
    for (const compression of [-1, 5]) {
      expect(history(["ask", 0], [{ compression }, 1], ["ask", 2])).toEqual([
        NONE,
        ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
        NONE,
      ]);
    }
  });

  test("has its reports refused that are too large", () => {
    expect(history(["ask", 0], [{ sizeBytes: 100 }, 1], [{ sizeBytes: 101 }, 1001])).toEqual([
      NONE,
      NONE,
      ErrorCode.TELEMETRY_TOO_LARGE,
    ]);
  });
});

describe("the clients that are remembered", () => {
  const stay = () => () => {};

  test("are those heard of last, when there are too many", () => {
    const instances = new ClientInstances({ countMax: 2 });
    for (const id of ["a", "b", "a", "c"]) instances.put(id, fresh, 0, stay);
    expect(["a", "b", "c"].filter((id) => instances.get(id, 0) !== undefined)).toEqual(["a", "c"]);
  });

  test("are forgotten after a minute or three intervals, whichever is longer", () => {
    const instances = new ClientInstances();
    instances.put("often", fresh, 0, stay);
    instances.put("rarely", { ...fresh, intervalMs: 100_000 }, 0, stay);
    expect([instances.get("often", 59_999), instances.get("often", 60_000)]).toEqual([fresh, undefined]);
    expect(instances.get("rarely", 299_999)?.intervalMs).toBe(100_000);
    expect(instances.get("rarely", 300_000)).toBe(undefined);
    expect(instances.count).toBe(0);
  });

  test("go with the connection that they came over, and leave nothing with it when they go before", () => {
    const instances = new ClientInstances({ countMax: 1 });
    const closing = new Set<() => void>();
    const onClose = (run: () => void) => {
      closing.add(run);
      return () => closing.delete(run);
    };
    instances.put("a", fresh, 0, onClose);
    instances.put("a", fresh, 1, onClose);
    expect(closing.size).toBe(1);
    for (const run of closing) run();
    expect([instances.count, closing.size]).toEqual([0, 0]);
    instances.put("b", fresh, 0, onClose);
    instances.put("c", fresh, 0, onClose);
    expect([instances.count, closing.size]).toEqual([1, 1]);
  });
});
