import { describe, expect, test } from "bun:test";
import { lines } from "../../../runtime/lines.ts";
import { GATHER_BYTES, OutgoingQueue } from "../../../runtime/outgoing.ts";
import { joined } from "../../../protocol/bytes.ts";
import { firstDifference, pattern } from "./peer.ts";

describe("an outgoing queue", () => {
  test("gathers small chunks, and shows large ones as they are", () => {
    const queue = new OutgoingQueue();
    const gather = new Uint8Array(GATHER_BYTES);
    const large = pattern(100_000);
    queue.push([pattern(10), pattern(20), large]);
    const first = queue.peek(gather)!;
    expect(first.buffer).toBe(gather.buffer);
    expect(first.length).toBeGreaterThan(30); // The beginning of the large one comes along.
    queue.take(first.length);
    const second = queue.peek(gather)!;
    expect(second.buffer).toBe(large.buffer);
    queue.take(second.length);
    expect([queue.isEmpty, queue.pendingBytes, queue.peek(gather)]).toEqual([true, 0, null]);
  });

  test("tells each sender once, in order, when the last byte is taken", () => {
    const queue = new OutgoingQueue();
    const gather = new Uint8Array(GATHER_BYTES);
    const told: string[] = [];
    queue.push([pattern(10)], () => told.push("a"));
    queue.push([], () => told.push("b"));
    queue.push([pattern(5), pattern(5)], () => told.push("c"));
    queue.peek(gather);
    queue.take(9);
    expect(told).toEqual([]);
    queue.take(1);
    expect(told).toEqual(["a", "b"]);
    queue.take(9);
    expect(told).toEqual(["a", "b"]);
    queue.take(1);
    expect(told).toEqual(["a", "b", "c"]);
  });

  test("tells all senders when it is given up", () => {
    const queue = new OutgoingQueue();
    let toldCount = 0;
    for (let index = 0; index < 5; index++) queue.push([pattern(10), pattern(3)], () => toldCount++);
    queue.take(17);
    queue.abort();
    expect([toldCount, queue.pendingBytes, queue.isEmpty]).toEqual([5, 0, true]);
  });

  test("gives out what was put in, however much is taken at a time", () => {
    const queue = new OutgoingQueue();
    const gather = new Uint8Array(GATHER_BYTES);
    const whole = pattern(400_000);
    const parts: Uint8Array[] = [];
    let at = 0;
    for (let round = 0; at < whole.length || queue.pendingBytes > 0; round++) {
      const size = [1, 60, 0, 17_000, 1500, 90_000][round % 6]!;
      queue.push([whole.subarray(at, at + size)]);
      at = Math.min(whole.length, at + size);
      const next = queue.peek(gather);
      if (next === null) continue;
      const count = Math.min(next.length, 1 + (round * 7919) % 30_000);
      parts.push(next.slice(0, count));
      queue.take(count);
    }
    expect(firstDifference(joined(parts), whole)).toBe(-1);
  });
});

describe("lines", () => {
  test("come without their ends, however the bytes are cut", async () => {
    const bytes = new TextEncoder().encode("first\r\n\nzwölf €\nlast");
    for (const size of [1, 2, 5, 100]) {
      const found: string[] = [];
      for await (const line of lines(cut(bytes, size))) found.push(line);
      expect(found).toEqual(["first", "", "zwölf €", "last"]);
    }
  });
});

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}
