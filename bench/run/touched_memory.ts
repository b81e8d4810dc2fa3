/**
 * Memory that a virtual machine has not used for some seconds may be the host's again, and a page of it that is written to has to
 * be asked back: 3 CPU seconds per GiB were seen instead of 0.3, for an hour or not at all, for whoever wrote at that moment. So
 * before each measurement so much is written and removed as it will write: what it gets was in use a moment ago.
 */

import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const blockBytes = 1024 * 1024;

/** Beside the brokers' folders. */
export function touchMemory(byteCount: number): void {
  const folder = mkdtempSync(join(tmpdir(), "weir-bench-touched-"));
  const block = new Uint8Array(blockBytes);
  const descriptor = openSync(join(folder, "touched"), "w");
  try {
    for (let written = 0; written < byteCount; written += blockBytes) writeSync(descriptor, block);
  } finally {
    closeSync(descriptor);
    rmSync(folder, { recursive: true });
  }
}
