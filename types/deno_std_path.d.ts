/** Types of the `deno-std` path modules that `std_path.ts` passes on: the package carries none. */

/** The last part of a path, without `suffix` when it ends with it. */
export function basename(path: string, suffix?: string): string;
/** All but the last part of a path. */
export function dirname(path: string): string;
/** The parts joined and normalised. */
export function join(path: string, ...paths: string[]): string;
