import { describe, expect, test } from "bun:test";
import { BatchView } from "../../../protocol/batch.ts";
import { encodeBatch } from "../../../protocol/record.ts";
import { BufferPool } from "../../../storage/buffer_pool.ts";
import { Tail, TailBudget } from "../../../storage/tail.ts";

const LIMITS = { maxBytes: 1e9, upToOffset: 1e9, atLeastOneBatch: true };

/** A batch of one record at `offset`, and about as large as `valueBytes`. */
function batchAt(offset: number, valueBytes = 100): Uint8Array {
  const bytes = encodeBatch({ records: [{ value: new Uint8Array(valueBytes).fill(offset) }] });
  new BatchView(bytes, 0).baseOffset = offset;
  return bytes;
}

function makeTail(tailBytesMax = 16 * 1024) {
  const pool = new BufferPool(1e6, true);
  const budget = new TailBudget({ tailBytesMax });
  return { pool, budget, tail: new Tail(budget, pool) };
}

describe("Tail", () => {
  test("keeps nothing until somebody reads at the log's end", () => {
    const { tail } = makeTail();
    tail.append(batchAt(0), 0, 1);
    expect(tail.heldBytes).toBe(0);
    tail.want();
    tail.append(batchAt(1), 1, 2);
    expect(tail.read(0, LIMITS)).toBe(null);
    expect(tail.read(1, LIMITS)?.nextOffset).toBe(2);
  });

  test("ends when as much as it may hold was appended and nobody read", () => {
    const { tail, pool, budget } = makeTail();
    tail.want();
    for (let offset = 0; offset < 200; offset++) tail.append(batchAt(offset), offset, offset + 1);
    expect(tail.heldBytes).toBe(0);
    expect(budget.totalBytes).toBe(0);
    expect(pool.pooledBytes).toBeGreaterThan(0);
  });

  test("gives batches as they were appended, across slabs", () => {
    const { tail } = makeTail();
    tail.want();
    const sizes = [100, 3000, 5000, 10, 2000];
    const appended = sizes.map((size, offset) => batchAt(offset, size));
    appended.forEach((bytes, offset) => tail.append(bytes, offset, offset + 1));
    const read = tail.read(1, LIMITS)!;
    expect(read.chunks.flatMap((chunk) => [...chunk])).toEqual(appended.slice(1).flatMap((bytes) => [...bytes]));
    expect(read.nextOffset).toBe(5);
  });

  test("leaves what a reader holds alone until it is released, whatever is dropped meanwhile", () => {
    const { tail } = makeTail();
    tail.want();
    const first = batchAt(0, 4000);
    tail.append(first, 0, 1);
    const read = tail.read(0, LIMITS)!;
    const another = tail.read(0, LIMITS)!;
    for (let offset = 1; offset < 20; offset++) {
      tail.want();
      tail.append(batchAt(offset, 4000), offset, offset + 1);
    }
    expect(tail.read(0, LIMITS)).toBe(null);
    another.release();
    another.release();
    expect([...read.chunks[0]!]).toEqual([...first]);
    read.release();
    expect([...read.chunks[0]!]).not.toEqual([...first]); // the pool has written over it
  });
});
