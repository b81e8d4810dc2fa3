/**
 * Makes a fresh clone ready to run: node scripts/setup.mjs [bun] [deno]
 *
 * Installs the packages when node_modules is missing or differs from package-lock.json, and puts the named programs in
 * place: npm may be told to run no install scripts (its default from version 11 on), and these two need theirs.
 * Node only, no packages: this is what runs before there are any.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const installers = { bun: "node_modules/bun/install.js", deno: "node_modules/deno/install.cjs" };

if (!isInstalled()) {
  console.error("setup: installing packages");
  run(...npm(), "ci", "--no-audit", "--no-fund", "--loglevel=error");
}
for (const program of process.argv.slice(2)) {
  if (works(program)) continue;
  run(process.execPath, join(root, installers[program]));
  if (!works(program)) fail(`node_modules/.bin/${program} does not run on this machine`);
}

/** True when every package that package-lock.json asks for on any machine is there in its version. */
function isInstalled() {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  return Object.entries(lock.packages).every(([path, wanted]) => {
    if (path === "" || wanted.optional) return true;
    const file = join(root, path, "package.json");
    return existsSync(file) && JSON.parse(readFileSync(file, "utf8")).version === wanted.version;
  });
}

function npm() {
  const script = process.env.npm_execpath; // set when npm runs this script
  return script?.endsWith(".js") ? [process.execPath, script] : ["npm"];
}

function works(program) {
  return spawnSync(join(root, "node_modules/.bin", program), ["--version"], { stdio: "ignore" }).status === 0;
}

function run(command, ...args) {
  // What npm prints goes to standard error: standard output belongs to the command that follows.
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (status !== 0) fail(`"${[command, ...args].join(" ")}" failed${error ? `: ${error.message}` : ""}`);
}

function fail(message) {
  console.error(`setup: ${message}`);
  process.exit(1);
}
