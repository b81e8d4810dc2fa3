import { TextLineStream } from "@std/streams";

/** Lines of a byte stream, without their ends ("\n" or "\r\n"); the last one may lack its end. */
export async function* lines(source: AsyncIterable<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  yield* ReadableStream.from(source).pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
}
