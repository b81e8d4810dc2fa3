/**
 * Reads that are not believed at once. Between the disk and the process a bit may flip on the way, in a cable, a controller or
 * memory, while what is stored is right; nobody must cut a log, delete a segment or write anything anew because of it.
 *
 * (1) What bears a checksum, or leads to a place that can be looked at, is read again where it seems wrong: `scan.ts`,
 *     `segment_index.ts`, `segment_check.ts`. Only what is wrong twice is.
 * (2) What does not (checkpoints, aborted transactions, the ends of indexes), and what is about to be written anew, is read until two
 *     reads in a row give the same. That is what is here.
 *
 * The second read is of the file, not of what is in memory of it. The kernel's page cache may answer it all the same: a bit that
 * flipped on the way to there stays, and is damage like any other until the page is dropped.
 */
import { crc32c } from "../protocol/crc32c.ts";
import { StorageError } from "./errors.ts";
import { type PooledFile } from "./file_pool.ts";

/** A disk of which so many reads in a row differ is of no use. */
const LOOKS_MAX = 5;

/** What two reads in a row give, of a file or a part of one. */
export function steadily(path: string, read: () => Uint8Array): Uint8Array {
  let bytes = read();
  let checksum = crc32c(bytes);
  for (let looks = 1; looks < LOOKS_MAX; looks++) {
    const sizeBytes = bytes.length;
    const before = checksum;
    bytes = read();
    checksum = crc32c(bytes);
    if (bytes.length === sizeBytes && checksum === before) return bytes;
  }
  throw unsteady(path);
}

/** Fills `target` with what two reads in a row give; the count is short only at the end of the file. */
export function readSteadily(file: PooledFile, target: Uint8Array, position: number): number {
  let isFirst = true;
  return steadily(file.path, () => {
    const readBytes = isFirst ? file.read(target, position) : file.readAgain(target, position);
    isFirst = false;
    return target.subarray(0, readBytes);
  }).length;
}

/** The same, off the loop. */
export async function readSteadilyAsync(file: PooledFile, target: Uint8Array, position: number): Promise<number> {
  let sizeBytes = await file.readAsync(target, position);
  let checksum = crc32c(target, 0, sizeBytes);
  for (let looks = 1; looks < LOOKS_MAX; looks++) {
    const before = { sizeBytes, checksum };
    sizeBytes = await file.readAsync(target, position);
    checksum = crc32c(target, 0, sizeBytes);
    if (sizeBytes === before.sizeBytes && checksum === before.checksum) return sizeBytes;
  }
  throw unsteady(file.path);
}

function unsteady(path: string): StorageError {
  return new StorageError(
    `Cannot read "${path}": ${LOOKS_MAX} reads in a row gave different bytes; look at the disk, the memory and the kernel's log`,
    "CORRUPT",
  );
}
