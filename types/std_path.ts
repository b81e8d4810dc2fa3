/**
 * `@std/path`, from the npm package `deno-std` (the same modules, packaged): see docs/decisions/0008. Only what Weir uses;
 * one file per function, so that starting up does not load the rest.
 */

// @ts-types="./deno_std_path.d.ts"
export { basename } from "deno-std/path/basename.js";
// @ts-types="./deno_std_path.d.ts"
export { dirname } from "deno-std/path/dirname.js";
// @ts-types="./deno_std_path.d.ts"
export { join } from "deno-std/path/join.js";
