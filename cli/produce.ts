/** `weir produce TOPIC`: each line of standard input becomes a record. Done when all are acknowledged. */
import type { ProducerRecord } from "../client/producer.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { parseArgs } from "./args.ts";
import { topicOf, withClient } from "./client_command.ts";
import { produceOptions } from "./commands.ts";

export async function run(runtime: Runtime, args: readonly string[]): Promise<number> {
  const parsed = parseArgs(args, produceOptions);
  const topic = topicOf(parsed.positional);
  const keySeparator = parsed.get("key-separator");
  return await withClient(runtime, parsed.get("bootstrap-server"), async (client) => {
    const producer = client.producer();
    let failure: Error | null = null;
    const failed = (error: Error) => {
      failure ??= error;
    };
    for await (const line of runtime.process.inputLines()) {
      await producer.room();
      if (failure !== null) break;
      producer.send({ topic, ...keyAndValue(line, keySeparator) }).catch(failed);
    }
    await producer.close();
    if (failure !== null) throw failure;
    return 0;
  });
}

const encoder = new TextEncoder();

/** A line without the separator is all value. */
function keyAndValue(line: string, separator: string | null): Pick<ProducerRecord, "key" | "value"> {
  const at = separator === null ? -1 : line.indexOf(separator);
  if (separator === null || at === -1) return { value: encoder.encode(line) };
  return { key: encoder.encode(line.slice(0, at)), value: encoder.encode(line.slice(at + separator.length)) };
}
