/** Finds out where we run and loads that adapter, and no other. */

import type { Runtime } from "./runtime.ts";

export async function detectRuntime(): Promise<Runtime> {
  if ("Bun" in globalThis) return (await import("./bun.ts")).createBunRuntime();
  if ("Deno" in globalThis) return (await import("./deno.ts")).createDenoRuntime();
  throw new Error("Weir runs on Bun and on Deno; this is neither");
}
