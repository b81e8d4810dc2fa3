/** What the commands that speak to a cluster have in common: their topic, their client, and how they fail. */
import { Client } from "../client/client.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { UsageError } from "./args.ts";

const bootstrapServerDefault = "127.0.0.1:9092";

/** The one argument that is not an option. */
export function topicOf(positional: readonly string[]): string {
  const [topic, unexpected] = positional;
  if (topic === undefined) throw new UsageError("A topic is missing");
  if (unexpected !== undefined) throw new UsageError(`Unexpected "${unexpected}"`);
  return topic;
}

/** Runs something with a client of the cluster that was named; what goes wrong there is one line and exit code 1. */
export async function withClient(
  runtime: Runtime,
  bootstrapServer: string | null,
  use: (client: Client) => Promise<number>,
): Promise<number> {
  const brokers = (bootstrapServer ?? bootstrapServerDefault).split(",");
  let client: Client;
  try {
    client = new Client({ runtime, brokers, clientId: "weir-cli" });
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(`Invalid value for --bootstrap-server: ${error.message}`);
    throw error;
  }
  try {
    await client.anyConnection(); // so that a wrong address is told at once, not when all retries are over
    return await use(client);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    runtime.process.printError(`weir: ${error.message}\n`);
    return 1;
  } finally {
    await client.close();
  }
}
