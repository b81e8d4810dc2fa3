/** Weir on Deno: `Deno.listen` and `Deno.connect`, files by `node:fs`, maps by FFI where that is permitted. */

import type { Runtime } from "./runtime.ts";
import { openDenoCrc32c } from "./deno_crc32c.ts";
import { openDenoNative } from "./deno_native.ts";
import { DenoNetwork } from "./deno_network.ts";
import { NodeFileSystem } from "./node_files.ts";
import { nodeDigests } from "./node_digests.ts";
import { nodeClock, nodeProcess, nodeRandom, nodeTimers } from "./node_process.ts";
import { releaseProgramCode } from "./program_code.ts";

/** Deno has threads for file work in plenty; more reads do not make a disk faster. */
const READS_AT_ONCE_MAX = 4;

export function createDenoRuntime(): Runtime {
  const native = openDenoNative();
  return {
    name: "deno",
    version: Deno.version.deno,
    network: new DenoNetwork(nodeTimers),
    files: new NodeFileSystem(native, nodeTimers, READS_AT_ONCE_MAX),
    clock: nodeClock,
    timers: nodeTimers,
    random: nodeRandom,
    digests: nodeDigests,
    process: { ...nodeProcess, releaseCode: () => releaseProgramCode(native.advise) },
    openCrc32c: openDenoCrc32c,
  };
}
