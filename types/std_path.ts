/** `@std/path`, from the npm package `deno-std` (the same modules): see docs/decisions. Only what Weir uses. */
// @ts-types="./std_path.d.ts"
export { basename, dirname, join, resolve } from "deno-std/path";
