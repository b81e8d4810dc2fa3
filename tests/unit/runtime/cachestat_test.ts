import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "bun:test";
import { openCachestat } from "../../../runtime/bun_cachestat.ts";
import { openFfi } from "../../../runtime/bun_ffi.ts";

const PAGE_BYTES = 4096;
const FILE_PAGES = 64;

const directory = fs.mkdtempSync(join(os.tmpdir(), "weir-cachestat-"));
afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

function opened(): { readonly path: string; readonly descriptor: number } {
  const path = join(directory, "pages");
  fs.writeFileSync(path, new Uint8Array(FILE_PAGES * PAGE_BYTES - 100).fill(1));
  return { path, descriptor: fs.openSync(path, "r") };
}

const ffi = openFfi();
const isCached = ffi === null ? null : openCachestat(ffi, PAGE_BYTES);
const { path, descriptor } = opened();
const isThere = isCached !== null && isCached(descriptor, 0, 1);

describe.skipIf(!isThere)("cachestat", () => {
  test("finds what was written just now, by whole pages and parts of them", () => {
    const end = FILE_PAGES * PAGE_BYTES - 100;
    for (const [from, to] of [[0, end], [1, 2], [4095, 4097], [5000, end - 5000], [end - 1, end]] as const) {
      expect([from, to, isCached!(descriptor, from, to)]).toEqual([from, to, true]);
    }
  });

  test("does not find what was dropped, nor a page that there is not, nor anything of no file", () => {
    execFileSync("sync", [path]);
    execFileSync("dd", [`if=${path}`, "iflag=nocache", "count=0", "status=none"]);
    // A file system in memory drops nothing; elsewhere one page that is read comes back with at most the whole file.
    const isDropped = !isCached!(descriptor, 0, FILE_PAGES * PAGE_BYTES - 100);
    if (isDropped) {
      const one = new Uint8Array(1);
      fs.readSync(descriptor, one, 0, 1, 0);
      expect(isCached!(descriptor, 0, PAGE_BYTES)).toBe(true);
    }
    expect(isCached!(descriptor, 0, (FILE_PAGES + 1) * PAGE_BYTES)).toBe(false);
    expect(isCached!(descriptor, 0, 0)).toBe(false);
    expect(isCached!(-1, 0, PAGE_BYTES)).toBe(false);
  });
});

test("is not asked again where the kernel refuses", () => {
  if (ffi === null) return;
  const other = openCachestat(ffi, PAGE_BYTES);
  if (other === null) return;
  expect(other(1 << 20, 0, PAGE_BYTES)).toBe(false); // No such descriptor.
  expect(other(descriptor, 0, PAGE_BYTES)).toBe(false);
});
