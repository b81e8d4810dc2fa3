/**
 * zstd where the host has none (a browser, an older Node): `zstd-wasm`, which decompresses only.
 *
 * Loaded when it is needed and not before: it is slower than a host's own, and Deno, which has one, cannot load it (its
 * modules import each other without their extensions).
 */
import { joined } from "./bytes.ts";
import { type Codec, Compression, installCodec } from "./compression.ts";
import { hasHostZstd } from "./host_zlib.ts";

/** What we use of the compiled library: C's functions, and the memory they work in, which is another one after it grew. */
interface ZstdModule {
  readonly HEAPU8: Uint8Array;
  _malloc(sizeBytes: number): number;
  _ZSTD_createDCtx(): number;
  _ZSTD_initDStream(context: number): number;
  _ZSTD_DStreamInSize(): number;
  _ZSTD_DStreamOutSize(): number;
  _ZSTD_decompressStream(context: number, output: number, input: number): number;
  _ZSTD_isError(code: number): number;
}

/** ZSTD_inBuffer and ZSTD_outBuffer: address, size, position. */
const BUFFER_STRUCT_BYTES = 12;

/** Makes zstd readable where the host lacks it; does nothing where it does not. */
export async function installZstdWhereMissing(): Promise<void> {
  if (!hasHostZstd()) installCodec(Compression.zstd, await loadZstdWasm());
}

export async function loadZstdWasm(): Promise<Codec> {
  const { Decompressor } = await import("zstd-wasm");
  const { mod } = await new Decompressor().init();
  const stream = new ZstdStream(mod as unknown as ZstdModule);
  return {
    compress() {
      throw new Error("this host has no zstd to compress with");
    },
    decompress: (bytes, sizeBytesMax) => stream.decompress(bytes, sizeBytesMax),
  };
}

/** One context and two buffers inside the library's memory for its whole life: the library has no way to free a context. */
class ZstdStream {
  readonly #zstd: ZstdModule;
  readonly #context: number;
  readonly #source: number;
  readonly #target: number;
  readonly #input: number;
  readonly #output: number;

  constructor(zstd: ZstdModule) {
    this.#zstd = zstd;
    this.#context = zstd._ZSTD_createDCtx();
    this.#source = zstd._malloc(zstd._ZSTD_DStreamInSize());
    this.#target = zstd._malloc(zstd._ZSTD_DStreamOutSize());
    this.#input = zstd._malloc(BUFFER_STRUCT_BYTES);
    this.#output = zstd._malloc(BUFFER_STRUCT_BYTES);
  }

  decompress(bytes: Uint8Array, sizeBytesMax: number): Uint8Array {
    const zstd = this.#zstd;
    const sourceBytesMax = zstd._ZSTD_DStreamInSize();
    const targetBytesMax = zstd._ZSTD_DStreamOutSize();
    zstd._ZSTD_initDStream(this.#context);
    const made: Uint8Array[] = [];
    let madeBytes = 0;
    let isFrameEnd = false;
    for (let at = 0; at < bytes.length; at += sourceBytesMax) {
      const source = bytes.subarray(at, at + sourceBytesMax);
      zstd.HEAPU8.set(source, this.#source);
      this.#setBuffer(this.#input, this.#source, source.length);
      let madeNow = targetBytesMax;
      // A full target may mean that there is more to come, with all of the source taken.
      while (this.#position(this.#input) < source.length || madeNow === targetBytesMax) {
        this.#setBuffer(this.#output, this.#target, targetBytesMax);
        const left = zstd._ZSTD_decompressStream(this.#context, this.#output, this.#input);
        if (zstd._ZSTD_isError(left)) throw new Error("the bytes are damaged");
        madeNow = this.#position(this.#output);
        madeBytes += madeNow;
        if (madeBytes > sizeBytesMax) throw new Error("they make more");
        made.push(zstd.HEAPU8.slice(this.#target, this.#target + madeNow));
        isFrameEnd = left === 0;
        if (isFrameEnd && this.#position(this.#input) === source.length) break;
      }
    }
    if (!isFrameEnd) throw new Error("the bytes end too early");
    return joined(made);
  }

  #setBuffer(struct: number, address: number, sizeBytes: number): void {
    const view = this.#view();
    view.setUint32(struct, address, true);
    view.setUint32(struct + 4, sizeBytes, true);
    view.setUint32(struct + 8, 0, true);
  }

  #position(struct: number): number {
    return this.#view().getUint32(struct + 8, true);
  }

  /** Made anew for each use: the memory is another one after it grew. */
  #view(): DataView {
    return new DataView(this.#zstd.HEAPU8.buffer);
  }
}
