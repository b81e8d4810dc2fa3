/**
 * Programs built on stream-processing frameworks (`tests/frameworks/`), run against a broker. Where Maven, a JDK or the
 * network are missing, tests are skipped with a line that says so; `WEIR_REQUIRE_MAVEN=1`, which the gate of CI sets, makes
 * that a failure.
 */

import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "./broker.ts";

export const driver = join(root, "tests/frameworks/run");
/** Maven may have to fetch what the program is built on. */
const installTimeoutMs = 300_000;

/** Why the framework cannot be had here; null when it can. */
export function whyNoFramework(framework: string): string | null {
  const { status, stderr, error } = spawnSync(driver, [framework], { encoding: "utf8", timeout: installTimeoutMs });
  if (status === 0) return null;
  const reason = `${framework} cannot be had: ${error?.message ?? stderr.slice(0, 500)}`;
  if (process.env.WEIR_REQUIRE_MAVEN === "1") throw new Error(reason);
  return reason;
}

/**
 * What the program prints of the broker: lines that begin with "ok ", "FAIL " or three spaces.
 * @throws {Error} when it does not end well
 */
export async function runFramework(framework: string, program: string, ...args: readonly string[]): Promise<string[]> {
  const child = spawn(driver, [framework, program, ...args], { stdio: "pipe" });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => output += text);
  }
  const status = await new Promise<number | null>((resolve, reject) => child.on("error", reject).on("exit", resolve));
  if (status !== 0) throw new Error(`${framework} ended with ${status}:\n${output.slice(-4_000)}`);
  return output.split("\n").filter((line) => /^(?:ok|FAIL| {3})/.test(line));
}
