import { describe, expect, test } from "bun:test";
import { createMemoryRuntime } from "../../../../runtime/memory.ts";
import { Sweeps } from "../../../../server/coordination/sweeps.ts";

class Fixture {
  readonly runtime = createMemoryRuntime();
  readonly sweeps = new Sweeps(this.runtime.timers);
  readonly failures: string[] = [];
  intervalMs = 10;
  count = 0;
  gate: Promise<void> | null = null;
  error: Error | null = null;

  begin(): void {
    this.sweeps.begin({
      intervalMs: () => this.intervalMs,
      run: async () => {
        this.count++;
        if (this.gate !== null) await this.gate;
        if (this.error !== null) throw this.error;
      },
      onFailed: ({ message }) => this.failures.push(message),
    });
  }
}

describe("Sweeps", () => {
  test("come an interval after the one before has ended, and ask for the interval each time", async () => {
    const fixture = new Fixture();
    let open = () => {};
    fixture.gate = new Promise((resolve) => open = resolve);
    fixture.begin();
    await fixture.runtime.advance(9);
    expect(fixture.count).toBe(0);
    await fixture.runtime.advance(100);
    expect(fixture.count).toBe(1);
    fixture.gate = null;
    fixture.intervalMs = 20;
    open();
    await fixture.runtime.advance(19);
    expect(fixture.count).toBe(1);
    await fixture.runtime.advance(1);
    expect(fixture.count).toBe(2);
  });

  test("go on after one that failed", async () => {
    const fixture = new Fixture();
    fixture.error = new Error("once");
    fixture.begin();
    await fixture.runtime.advance(10);
    fixture.error = null;
    await fixture.runtime.advance(10);
    expect([fixture.failures, fixture.count]).toEqual([["once"], 2]);
  });

  test("end when they are stopped, also the one that runs", async () => {
    const fixture = new Fixture();
    let open = () => {};
    fixture.begin();
    fixture.gate = new Promise((resolve) => open = resolve);
    fixture.begin();
    await fixture.runtime.advance(10);
    fixture.sweeps.stop();
    open();
    await fixture.runtime.advance(100);
    expect(fixture.count).toBe(2);
  });
});
