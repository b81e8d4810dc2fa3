import { TextLineStream } from "@std/streams";

/** Lines of a byte stream, without their ends ("\n" or "\r\n"); the last one may lack its end. */
export async function* lines(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  // The decoder's type refuses shared memory, which no reader here gives.
  const bytes = ReadableStream.from(source) as ReadableStream<Uint8Array<ArrayBuffer>>;
  yield* bytes.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
}
