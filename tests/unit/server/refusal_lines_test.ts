/** A client that is refused over and over is told of a few times in the log, and then counted: it cannot fill a disk with it. */
import { expect, test } from "bun:test";
import { createMemoryRuntime } from "../../../runtime/memory.ts";
import { createLogger } from "../../../server/log.ts";
import { MemoryBroker } from "../../support/memory_broker.ts";
import { TransactionsDesk } from "./handlers/transactions_desk.ts";

const runtime = createMemoryRuntime();
const written: string[] = [];
const logger = createLogger(runtime, { write: (line) => void written.push(line) });

/** Lines of one event since the last time, a window later. */
async function linesOf(event: string): Promise<string[]> {
  await runtime.advance(20_000);
  return written.splice(0).filter((line) => line.includes(`event="${event}"`));
}

test.each<[string, Record<string, string>]>([
  ["there are too many", { "max.connections": "0" }],
  ["its frames are too large", { "socket.request.max.bytes": "100" }],
])("a connection that is refused for %s", async (_, overrides) => {
  const server = await MemoryBroker.start({ runtime, overrides, logger });
  for (let count = 0; count < 100; count++) {
    const client = await server.connect();
    client.post([new Uint8Array([0, 1, 0, 0])]);
    await runtime.settle();
    expect(client.isClosed).toBe(true);
  }
  const lines = await linesOf("connection refused");
  expect([lines.length, lines.at(-1)!.includes("repeated=95")]).toEqual([6, true]);
  await server.stop();
});

test("the end of a transaction that never began", async () => {
  const desk = await TransactionsDesk.start({ runtime, logger });
  const producer = await desk.producer();
  for (let count = 0; count < 100; count++) {
    expect((await desk.end(producer, "commit", 4)).errorCode).not.toBe(0);
  }
  const lines = await linesOf("transaction not ended");
  expect([lines.length, lines[0]!.includes("transactionalId=t"), lines.at(-1)!.includes("repeated=95")])
    .toEqual([6, true, true]);
  await desk.server.stop();
});
