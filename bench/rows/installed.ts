/** What has to be on the disk before the first start. */

import { spawnSync } from "node:child_process";
import { lstatSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { root, type Target, weirCommand } from "../../tests/support/broker.ts";
import { brokerJars, java } from "../kafka/kafka.ts";
import { mebibyte, type OwnRow } from "./row.ts";

const ownFolders = ["cli", "client", "protocol", "runtime", "server", "storage", "types", "main.ts", "mod.ts"];
const ownPackages = ["deno-std", "hash-wasm", "hysnappy", "zstd-wasm"].map((name) => `node_modules/${name}`);

export const installedRows: readonly OwnRow[] = [{
  kind: "own",
  name: "installed",
  passes: ["os"],
  needsKafka: true,
  measure: (contender) => {
    const { own, runtime } = partsOf(contender.target);
    const ownBytes = own.reduce((sum, path) => sum + sizeOf(path), 0);
    const runtimeBytes = runtime.reduce((sum, path) => sum + sizeOf(path), 0);
    return Promise.resolve([
      { figure: "without what it runs on", kind: "size", value: ownBytes / mebibyte, unit: "MiB" },
      { figure: "with what it runs on", kind: "size", value: (ownBytes + runtimeBytes) / mebibyte, unit: "MiB" },
    ]);
  },
}];

function partsOf(target: Target): { readonly own: readonly string[]; readonly runtime: readonly string[] } {
  if (target === "kafka") return { own: [brokerJars], runtime: [javaHome()] };
  const [program] = weirCommand([], target);
  if (target === "exe") return { own: [program], runtime: [] };
  return { own: [...ownFolders, ...ownPackages].map((path) => join(root, path)), runtime: [realpathSync(program)] };
}

function javaHome(): string {
  const { stderr } = spawnSync(java, ["-XshowSettings:properties", "-version"], { encoding: "utf8" });
  const home = /java\.home = (.+)/.exec(stderr)?.[1];
  if (home === undefined) throw new Error(`"${java}" does not say where it is: ${stderr}`);
  return home;
}

function sizeOf(path: string): number {
  const entry = statSync(path);
  if (!entry.isDirectory()) return entry.size;
  return readdirSync(path).map((name) => join(path, name)).filter((inner) => !lstatSync(inner).isSymbolicLink())
    .reduce((sum, inner) => sum + sizeOf(inner), 0);
}
