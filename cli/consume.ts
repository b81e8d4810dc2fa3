/**
 * `weir consume TOPIC`: prints records as lines, until interrupted or enough. As a member of a group it goes on where the
 * group was, and commits exactly what it has printed.
 */
import type { Client } from "../client/client.ts";
import type { Consumer, ConsumerRecord } from "../client/consumer.ts";
import { retrying } from "../client/retry.ts";
import { FileError, type Runtime } from "../runtime/runtime.ts";
import { parseArgs } from "./args.ts";
import { topicOf, withClient } from "./client_command.ts";
import { consumeOptions } from "./commands.ts";

/** How soon an interrupt is noticed while nothing comes. */
const pollMs = 200;

export async function run(runtime: Runtime, args: readonly string[]): Promise<number> {
  const parsed = parseArgs(args, consumeOptions);
  const topic = topicOf(parsed.positional);
  const groupId = parsed.get("group");
  const countMax = parsed.wholeNumber("max-messages", { min: 1, max: Number.MAX_SAFE_INTEGER }) ?? Infinity;
  const keySeparator = parsed.get("key-separator");
  const startAt = parsed.has("from-beginning") ? "earliest" : "latest";
  let isInterrupted = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    runtime.process.onSignal(signal, () => {
      isInterrupted = true;
    });
  }
  return await withClient(runtime, parsed.get("bootstrap-server"), async (client) => {
    const consumer = client.consumer({ startAt, ...(groupId === null ? {} : { groupId }) });
    if (groupId === null) await assignAll(client, consumer, topic);
    else consumer.subscribe([topic]);
    try {
      for (let count = 0; count < countMax && !isInterrupted;) {
        const records = await consumer.poll(pollMs);
        const printed = records.slice(0, countMax - count);
        count += printed.length;
        if (printed.length > 0) runtime.process.print(printed.map((record) => lineOf(record, keySeparator)).join(""));
        stepBack(consumer, records.slice(printed.length));
      }
    } catch (error) {
      // Whoever read our output has enough (`weir consume t | head`).
      if (!(error instanceof FileError && error.code === "EPIPE")) throw error;
    } finally {
      await consumer.close();
    }
    return 0;
  });
}

async function assignAll(client: Client, consumer: Consumer, topic: string): Promise<void> {
  const { runtime, metadata, requestTimeoutMs: timeoutMs } = client;
  const what = `Cannot read topic "${topic}"`;
  const { partitions } = await retrying({ runtime, timeoutMs, what }, () => metadata.topic(topic));
  consumer.assign(partitions.map(({ index: partition }) => ({ topic, partition })));
}

/** What was not printed is to be read again, by the next who asks in this group's name. */
function stepBack(consumer: Consumer, unprinted: readonly ConsumerRecord[]): void {
  for (const { topic, partition, offset } of unprinted.toReversed()) consumer.seek(topic, partition, offset);
}

const decoder = new TextDecoder();

function lineOf({ key, value }: ConsumerRecord, keySeparator: string | null): string {
  return keySeparator === null ? `${textOf(value)}\n` : `${textOf(key)}${keySeparator}${textOf(value)}\n`;
}

function textOf(bytes: Uint8Array | null): string {
  return bytes === null ? "null" : decoder.decode(bytes);
}
