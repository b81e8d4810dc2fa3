/**
 * `@std/streams`, from the npm package `deno-std` (the same modules, packaged): see docs/decisions/0008. Only what Weir uses;
 * by its own file, so that starting up does not load the rest.
 */

// @ts-types="./deno_std_streams.d.ts"
export { TextLineStream } from "deno-std/streams/text_line_stream.js";
