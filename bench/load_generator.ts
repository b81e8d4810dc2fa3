/**
 * Who makes the load where the broker, not the client, is to be what limits: premade batches over several connections. The one
 * of bench/limit has the same methods, and takes this one's place where it can be built.
 */

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { quantile } from "./results.ts";
import { atPace, type Pace } from "./run/latency_client.ts";
import { followInGroups } from "./run/group_consumers.ts";
import { type Consumed, type ConsumeLoad, consumeLoad, type Load, type ProduceLoad, produceLoad } from "./load.ts";

export interface LoadGenerator {
  readonly name: string;
  /** Sends batches made beforehand until so many bytes are acknowledged. */
  produce(load: ProduceLoad): Promise<Load>;
  /** Produces at a fixed rate, with acks=all; resolves to the 99th percentile from when a request was due until its answer. */
  p99AtPace(pace: PacedLoad): Promise<number>;
  /** Reads a topic from its start until so many bytes of batches have come. */
  consume(load: ConsumeLoad): Promise<Consumed>;
  /** The same in a process of its own: beside producers the reader's work would show as their waiting. */
  consumeApart(load: ApartLoad): Promise<Load>;
  /** Groups of one member each that read a topic as it comes, commit and give signs of life; resolves when all have joined. */
  followInGroups(load: GroupLoad): Promise<Following>;
}

/** What can be told to another process. */
export type ApartLoad = Omit<ConsumeLoad, "isProduced">;

export interface GroupLoad {
  readonly port: number;
  /** Of the topic. */
  readonly name: string;
  readonly partitionCount: number;
  readonly groupCount: number;
  readonly groupStem: string;
  /** Each ends when it has so many bytes of batches. */
  readonly totalBytes: number;
}

export interface Following {
  /** What all of them have read, from the first batch to the last. */
  readonly done: Promise<Load>;
}

/** Records of 1 KiB. */
export type PacedLoad = Omit<Pace, "isConsumed">;

/** In the process of the bench. */
export const ownGenerator: LoadGenerator = {
  name: "bench/load.ts",
  produce: produceLoad,
  consume: consumeLoad,
  consumeApart,
  followInGroups,
  p99AtPace: async (pace) => quantile((await atPace({ ...pace, isConsumed: false })).acknowledgedMs, 0.99),
};

function consumeApart(load: ApartLoad): Promise<Load> {
  const program = fileURLToPath(new URL("run/consumer.ts", import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify(load)], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => output += text);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on(
      "close",
      (code) => code === 0 ? resolve(JSON.parse(output) as Load) : reject(new Error(`The consumer ended with ${code}`)),
    );
  });
}
