/** Types of the `deno-std` stream modules that `std_streams.ts` passes on: the package carries none. */

/** Splits a stream of text into lines, their ends (LF or CRLF) left out. */
export class TextLineStream extends TransformStream<string, string> {
  constructor(options?: { allowCR?: boolean });
}
