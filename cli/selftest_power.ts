/**
 * The broker of `weir selftest durability` whose power can go: the real one, with real sockets and clocks, on a disk in memory
 * that knows what was synced.
 *
 * (1) At start the disk holds what the image folder does, all of it as if synced.
 * (2) Told so (SIGHUP), it loses power in the middle of one of its next file operations, by chance which: each sector, file
 *     size and name that was not synced is then there or not, by chance, or all of them are gone.
 * (3) What is left is written to the image folder, with the time of the cut, and the process ends at once.
 */
import { createMemoryRuntime } from "../runtime/memory.ts";
import type { FileSystem, Runtime } from "../runtime/runtime.ts";
import { Broker } from "../server/broker.ts";
import { BrokerConfig, type StaticEntry } from "../server/config.ts";
import { createLogger } from "../server/log.ts";
import { type Options, parseArgs } from "./args.ts";

export const POWERED_BROKER = "powered-broker";
/** In the image folder: when the power went, by the wall clock. */
export const CUT_FILE = "power-cut";
const DATA = "/data";
/** How many file operations may still be done; without any, how long until the power goes all the same. */
const OPERATIONS_MAX = 40;
const CUT_WITHIN_MS = 30;
const TICK_MS = 2;

const options = {
  image: { value: "DIR", text: "" },
  port: { value: "PORT", text: "" },
  seed: { value: "SEED", text: "" },
  override: { value: "NAME=VALUE", repeats: true, text: "" },
} as const satisfies Options;

export async function runPoweredBroker(runtime: Runtime, args: readonly string[]): Promise<number> {
  const parsed = parseArgs(args, options);
  const image = parsed.get("image") ?? "";
  const memory = createMemoryRuntime({ seed: Number(parsed.get("seed")), startMs: runtime.clock.nowMs() });
  const { files, random } = memory;
  copyFolder(runtime.files, image, files, DATA);
  syncFolder(files, DATA); // (1)
  files.syncDirectory("/");
  files.syncDelayMs = () => 1 + 5 * random.next() ** 3 + (random.next() < 0.05 ? 30 : 0);
  void keepTime(runtime, memory);
  let isDue = false;
  const cut = (): never => {
    files.fault = null;
    const cutMs = runtime.clock.nowMs();
    files.crash(random.next() < 0.8 ? "torn" : "lost"); // (2)
    runtime.files.remove(image);
    copyFolder(files, DATA, runtime.files, image);
    writeFile(runtime.files, `${image}/${CUT_FILE}`, new TextEncoder().encode(`${cutMs}`)); // (3)
    return runtime.process.exit(0);
  };
  runtime.process.onSignal("SIGHUP", () => {
    if (isDue) return;
    isDue = true;
    let left = Math.floor(random.next() * OPERATIONS_MAX);
    files.fault = () => left-- > 0 ? null : cut();
    runtime.timers.after(CUT_WITHIN_MS, cut);
  });
  const entries: StaticEntry[] = [
    entry("listeners", `PLAINTEXT://127.0.0.1:${parsed.get("port")}`),
    entry("log.dirs", DATA),
    ...parsed.all("override").map((text) => entry(text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1))),
  ];
  const logger = createLogger(runtime);
  await Broker.start({ runtime: { ...runtime, files }, config: BrokerConfig.parse(entries), logger });
  return await new Promise<number>(() => {}); // until the power goes
}

// ---------------------------------------------------------------------------------------------- below: how

function entry(name: string, value: string): StaticEntry {
  return { source: "override", name, value, origin: "selftest" };
}

/** The disk's own clock, by which its syncs take time. */
async function keepTime(runtime: Runtime, memory: ReturnType<typeof createMemoryRuntime>): Promise<never> {
  for (let before = runtime.clock.monotonicMs();;) {
    await new Promise<void>((resolve) => runtime.timers.after(TICK_MS, resolve));
    const now = runtime.clock.monotonicMs();
    await memory.advance(now - before);
    before = now;
  }
}

function copyFolder(source: FileSystem, from: string, target: FileSystem, to: string): void {
  target.makeDirectory(to);
  if (source.stat(from) === null) return;
  for (const name of source.list(from)) {
    if (name === CUT_FILE) continue;
    const path = `${from}/${name}`;
    if (source.stat(path)?.kind === "directory") copyFolder(source, path, target, `${to}/${name}`);
    else writeFile(target, `${to}/${name}`, source.readFile(path));
  }
}

function writeFile(files: FileSystem, path: string, bytes: Uint8Array): void {
  const file = files.open(path, { create: true, truncate: true });
  try {
    file.write([bytes], 0);
  } finally {
    file.close();
  }
}

function syncFolder(files: FileSystem, path: string): void {
  for (const name of files.list(path)) {
    const inner = `${path}/${name}`;
    if (files.stat(inner)?.kind === "directory") {
      syncFolder(files, inner);
      continue;
    }
    const file = files.open(inner, {});
    file.syncDataNow();
    file.close();
  }
  files.syncDirectory(path);
}
