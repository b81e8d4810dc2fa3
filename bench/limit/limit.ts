/**
 * What the machine can do at all, and a load generator that costs little: both in Rust (src/), built by `install`.
 *
 *     const server = await startLimitServer({ read: "sendfile" });
 *     await makeTopic(server.port);
 *     const { bytes, seconds, latency } = await runLoad({ kind: "produce", port: server.port, topic, partitionCount: 6, … });
 *     await server.stop();
 *
 * The generator asks in one version of each request, the last that names topics by name, and of one broker that leads all. The
 * server answers Kafka's own clients too, groups of one member among them.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Compression, type CompressionId } from "../../protocol/compression.ts";
import type { ApartLoad, Following, GroupLoad, LoadGenerator, PacedLoad } from "../load_generator.ts";
import { type Consumed, type ConsumeLoad, consumeLoad, type Load, makeBatch, type ProduceLoad } from "../load.ts";

const here = dirname(fileURLToPath(import.meta.url));

/** Whether this machine can build it; `install` says what is missing. */
export function canBuildLimit(): boolean {
  const paths = [...(process.env.PATH ?? "").split(":"), join(homedir(), ".cargo/bin")];
  return process.platform === "linux" && paths.some((path) => existsSync(join(path, "cargo")));
}

let executable: string | null = null;

/** Builds it when it is not, or no longer what the sources say. */
export function limitExecutable(): string {
  if (executable !== null) return executable;
  const { status, stdout, stderr } = spawnSync(join(here, "install"), { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr.trim());
  return executable = stdout.trim();
}

export interface LimitServerOptions {
  /** How a fetch is answered from the page cache: without passing through the process, or out of a map. */
  readonly read?: "sendfile" | "mmap";
  /** The congestion control of its connections, by Linux's name; the system's when left out. */
  readonly congestion?: string;
  /** Any free one when left out. */
  readonly port?: number;
  /** Made, and removed at the end, when left out. */
  readonly dataDirectory?: string;
}

/** The floor: takes the frame, checks its CRC by the processor's instruction, writes it, answers. */
export interface LimitServer {
  readonly port: number;
  readonly pid: number;
  readonly dataDirectory: string;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

export async function startLimitServer(options: LimitServerOptions = {}): Promise<LimitServer> {
  const dataDirectory = options.dataDirectory ?? mkdtempSync(join(tmpdir(), "weir-limit-"));
  const args = ["--port", `${options.port ?? 0}`, "--data", dataDirectory, "--read", options.read ?? "sendfile"];
  if (options.congestion !== undefined) args.push("--congestion", options.congestion);
  const child = spawn(limitExecutable(), ["serve", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  running.add(child);
  const ended = new Promise<void>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => {
      running.delete(child);
      if (options.dataDirectory === undefined) rmSync(dataDirectory, { recursive: true, force: true });
      resolve();
    });
  });
  const line = await firstLine(child, ended);
  const port = Number(/^limit: port=(\d+)/.exec(line)?.[1]);
  if (!line.includes("crc32c=instruction")) {
    child.kill("SIGKILL");
    throw new Error(`This processor has no instruction for CRC32C that is known here: "${line}"`);
  }
  const stop = () => {
    child.kill("SIGTERM");
    return ended;
  };
  return { port, pid: child.pid as number, dataDirectory, stop };
}

interface CommonLoad {
  readonly port: number;
  readonly topic: string;
  readonly partitionCount: number;
  /** Ends when this many bytes of batches are acknowledged, or have come. */
  readonly totalBytes?: number;
  /** Ends after this time. */
  readonly seconds?: number;
  readonly connectionCount?: number;
}

export interface ProduceOptions extends CommonLoad {
  readonly kind: "produce";
  readonly recordBytes: number;
  /** Sizes of batches; each request takes the next. */
  readonly batchBytes: readonly number[];
  readonly compression?: CompressionId;
  /** Requests of each connection that are not answered. */
  readonly inFlight?: number;
  readonly acks?: -1 | 0 | 1;
  /** Requests in a second, each at its moment, whatever became of those before; latencies count from that moment. */
  readonly requestsPerSecond?: number;
  /** Latencies count from here on. */
  readonly warmUpSeconds?: number;
  /** Another connection fetches what is produced, and `endToEnd` says when it came. Without a rate, waits for it. */
  readonly isEndToEnd?: boolean;
}

export interface ConsumeOptions extends CommonLoad {
  readonly kind: "consume";
  /** Begins anew where the log ended when the load began. */
  readonly isRepeated?: boolean;
  /** Ends where the log ended when the load began. */
  readonly isToEnd?: boolean;
  /** fetch.max.bytes, 50 MiB when left out, as in Java's consumer. */
  readonly maxBytes?: number;
  /** max.partition.fetch.bytes, 1 MiB when left out. */
  readonly partitionMaxBytes?: number;
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
}

export interface Latency {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export interface LoadResult extends Load {
  readonly requests: number;
  /** Processor time of the generator. */
  readonly cpuSeconds: number;
}

export interface ProduceResult extends LoadResult {
  /** From the moment a request was to be sent until its answer. */
  readonly latency: Latency;
  /** From then until a consumer had it. */
  readonly endToEnd: Latency | null;
}

export interface ConsumeResult extends LoadResult {
  readonly skippedRecords: number;
}

export function runLoad(options: ProduceOptions): Promise<ProduceResult>;
export function runLoad(options: ConsumeOptions): Promise<ConsumeResult>;
export async function runLoad(options: ProduceOptions | ConsumeOptions): Promise<LoadResult> {
  const { port, topic, partitionCount, totalBytes, seconds, connectionCount } = options;
  const common = {
    port,
    topic,
    "partitions": partitionCount,
    "total-bytes": totalBytes === undefined ? undefined : Math.ceil(totalBytes),
    seconds,
    "connections": connectionCount,
  };
  if (options.kind === "consume") {
    const { isRepeated, isToEnd, maxBytes, partitionMaxBytes, maxWaitMs, minBytes } = options;
    return await generate("consume", {
      ...common,
      "repeat": isRepeated,
      "until-end": isToEnd,
      "max-bytes": maxBytes,
      "partition-max-bytes": partitionMaxBytes,
      "max-wait-ms": maxWaitMs,
      "min-bytes": minBytes,
    });
  }
  const { recordBytes, batchBytes, compression = Compression.none, acks = -1 } = options;
  const { inFlight, requestsPerSecond, warmUpSeconds, isEndToEnd } = options;
  const settings = {
    ...common,
    "record-bytes": recordBytes,
    "batch-bytes": batchBytes.join(","),
    acks,
    "in-flight": inFlight,
    "rate": requestsPerSecond,
    "warm-up-seconds": warmUpSeconds,
    "end-to-end": isEndToEnd,
  };
  if (compression === Compression.none) return await generate("produce", settings);
  const directory = mkdtempSync(join(tmpdir(), "weir-batches-"));
  try {
    const paths = batchBytes.map((_, index) => join(directory, `${index}`));
    paths.forEach((path, index) => {
      writeFileSync(path, makeBatch(batchBytes[index] as number, recordBytes, compression).bytes);
    });
    return await generate("produce", { ...settings, "batch-files": paths.join(",") });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** In the place of the generator of bench/load.ts. */
export const limitGenerator = {
  name: "bench/limit",
  produce: (load: ProduceLoad): Promise<Load> => runLoad({ kind: "produce", ...load }),
  async p99AtPace({ recordsPerRequest, partitionCount, ...load }: PacedLoad): Promise<number> {
    const recordBytes = 1024;
    const { latency } = await runLoad({
      ...{ kind: "produce", ...load, partitionCount, connectionCount: partitionCount },
      // A little less, for the headers: a batch has as many records as fit.
      ...{ recordBytes, batchBytes: [recordsPerRequest * (recordBytes + 16)] },
    });
    return latency.p99Ms;
  },
  // It cannot be told from outside when there will be no more: the one in this process can be.
  consume: ({ isProduced, ...load }: ConsumeLoad): Promise<Consumed> =>
    isProduced === undefined ? consumeApart(load) : consumeLoad({ ...load, isProduced }),
  consumeApart,
  followInGroups({ port, name, partitionCount, groupCount, groupStem, totalBytes }: GroupLoad): Promise<Following> {
    return new Promise((resolve, reject) => {
      const settings = {
        port,
        "topic": name,
        "partitions": partitionCount,
        "connections": groupCount,
        "group": groupStem,
      };
      const asked = { ...settings, "total-bytes": Math.ceil(totalBytes) * groupCount };
      const done = generate<ConsumeResult>("consume", asked, () => resolve({ done }));
      done.catch(reject);
    });
  },
} satisfies LoadGenerator;

function consumeApart({ fetchBytes, ...load }: ApartLoad): Promise<Consumed> {
  const limits = fetchBytes === undefined ? {} : { partitionMaxBytes: fetchBytes };
  return runLoad({ kind: "consume", ...load, ...limits });
}

const joinedLine = "joined\n";

type Settings = Readonly<Record<string, string | number | boolean | undefined>>;

/** Members of groups say when all have joined, before any result. */
async function generate<Result extends LoadResult>(
  command: string,
  settings: Settings,
  seeJoined: () => void = () => {},
): Promise<Result> {
  const args = Object.entries(settings).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, `${value}`]
  );
  const child = spawn(limitExecutable(), [command, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    output += part;
    if (output.startsWith(joinedLine)) {
      output = output.slice(joinedLine.length);
      seeJoined();
    }
  });
  child.stderr.setEncoding("utf8").on("data", (part: string) => errors += part);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  running.delete(child);
  if (code !== 0) throw new Error(`Cannot ${command}: ${errors.trim()}`);
  return JSON.parse(output) as Result;
}

async function firstLine(child: ChildProcess, ended: Promise<void>): Promise<string> {
  let text = "";
  const line = new Promise<string>((resolve) => {
    child.stdout?.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")));
    });
  });
  const none = ended.then(() => {
    throw new Error("The bare server has ended at once");
  });
  return await Promise.race([line, none]);
}
