/** Weir on Bun: `Bun.listen` and `Bun.connect`, files by `node:fs`, maps and locks by FFI into the C library. */

import type { Runtime } from "./runtime.ts";
import { openBunCrc32c } from "./bun_crc32c.ts";
import { openBunNative } from "./bun_native.ts";
import { openFileSender } from "./bun_send_file.ts";
import { widenFileThreads } from "./bun_threads.ts";
import { BunNetwork } from "./bun_network.ts";
import { NodeFileSystem } from "./node_files.ts";
import { nodeDigests } from "./node_digests.ts";
import { nodeClock, nodeProcess, nodeRandom, nodeTimers } from "./node_process.ts";
import { releaseProgramCode } from "./program_code.ts";

declare const Bun: { readonly version: string };

/** More does not make a disk faster. At least one thread is left for syncs. */
const READS_AT_ONCE_MAX = 4;

export function createBunRuntime(): Runtime {
  const threadCount = widenFileThreads();
  const sender = openFileSender();
  const native = openBunNative(sender);
  return {
    name: "bun",
    version: Bun.version,
    network: new BunNetwork(nodeTimers, sender),
    files: new NodeFileSystem(native, nodeTimers, Math.min(READS_AT_ONCE_MAX, threadCount - 1)),
    clock: nodeClock,
    timers: nodeTimers,
    random: nodeRandom,
    digests: nodeDigests,
    process: { ...nodeProcess, releaseCode: () => releaseProgramCode(native.advise) },
    openCrc32c: openBunCrc32c,
  };
}
