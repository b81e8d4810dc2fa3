import { describe, expect, test } from "bun:test";
import { worlds } from "./worlds.ts";

for (const { name, runtime, pass } of worlds) {
  const { clock, timers, random } = runtime;

  describe(`time and chance of ${name}`, () => {
    test("timers run once, in the order they are due", async () => {
      const order: string[] = [];
      timers.after(20, () => order.push("late"));
      timers.after(1, () => order.push("early"));
      await pass(40);
      expect(order).toEqual(["early", "late"]);
    });

    test("a timer runs no earlier than asked", async () => {
      const startMs = clock.monotonicMs();
      let elapsedMs = 0;
      timers.after(15, () => elapsedMs = clock.monotonicMs() - startMs);
      await pass(40);
      expect(elapsedMs).toBeGreaterThan(14);
    });

    test("a cancelled timer does not run", async () => {
      let runCount = 0;
      const timer = timers.after(5, () => runCount++);
      timer.cancel();
      timer.cancel();
      await pass(20);
      expect(runCount).toBe(0);
    });

    test("a timer of more than 2^31 milliseconds does not run at once, and can be cancelled", async () => {
      let runCount = 0;
      const timer = timers.after(2 ** 31 + 5, () => runCount++);
      await pass(10);
      expect(runCount).toBe(0);
      timer.cancel();
    });

    test("soon runs after this turn and its promises, in the order asked", async () => {
      const order: string[] = [];
      const done = new Promise<void>((resolve) => {
        timers.soon(() => order.push("first"));
        timers.soon(() => {
          order.push("second");
          resolve();
        });
      });
      await Promise.resolve().then(() => order.push("promise"));
      order.push("turn");
      await done;
      expect(order).toEqual(["promise", "turn", "first", "second"]);
    });

    test("the monotonic clock does not go back, the wall clock is whole", async () => {
      let beforeMs = clock.monotonicMs();
      for (let round = 0; round < 1000; round++) {
        const nowMs = clock.monotonicMs();
        expect(nowMs >= beforeMs).toBe(true);
        beforeMs = nowMs;
      }
      expect(Number.isInteger(clock.nowMs())).toBe(true);
      const wallMs = clock.nowMs();
      await pass(5);
      expect(clock.nowMs() - wallMs).toBeGreaterThan(3);
    });

    test("chance is spread over its range", () => {
      const counts = Array.from({ length: 10 }, () => 0);
      for (let round = 0; round < 10_000; round++) counts[Math.floor(random.next() * 10)]!++;
      expect(Math.min(...counts)).toBeGreaterThan(800);
      expect(Math.max(...counts)).toBeLessThan(1200);
      const bytes = random.bytes(100_000);
      expect(bytes.length).toBe(100_000);
      expect(new Set(bytes.subarray(90_000)).size).toBe(256);
      expect(random.bytes(0).length).toBe(0);
    });

    test("the process tells about itself", () => {
      expect(runtime.process.hostname().length).toBeGreaterThan(0);
      expect(runtime.process.id).toBeGreaterThan(0);
      expect(typeof runtime.process.environment()).toBe("object");
      expect(runtime.process.memory().residentBytes >= 0).toBe(true);
      expect(runtime.version.length).toBeGreaterThan(0);
    });
  });
}
