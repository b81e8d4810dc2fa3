/**
 * One client's connection: bytes in, frames, requests in order, answers in order, bytes out.
 *
 *     data ─ FrameAssembler ─ queue ─ dispatch ─ slots (one per request, in request order) ─ write
 *
 * Invariants:
 *  1. Answers leave in the order of requests: slots are written from the front, and only while the front one is ready.
 *  2. At most one request that is not pipelined is at work; pipelined ones (Produce) finish their ordered part before
 *     the next request is looked at.
 *  3. Every frame in the queue or at work is counted in the broker's byte budget, until its slot is written; of a frame
 *     that is not whole yet, what has arrived.
 *  4. Back-pressure: no request is taken up while answers wait unsent beyond `unsentBytesMax`, or more than
 *     `slotCountMax` are open, nor while the connection rests; reading stops then, and while the queue holds more than
 *     `queuedBytesMax`, or the budget is spent.
 *  5. After `close`, every `onSent` and `onClose` callback has been called, once.
 *  6. A chunk of the runtime's goes back to it when every request in it was taken up and keeps no view of it.
 */
import { MalformedFrame } from "../protocol/wire.ts";
import type { Socket, SocketHandler, Timer } from "../runtime/runtime.ts";
import type { Broker } from "./broker.ts";
import type { Listener } from "./config/listeners.ts";
import { dispatch, RequestRefused } from "./dispatch.ts";
import { FrameAssembler, FrameSizeError } from "../protocol/frame_assembler.ts";

/** Enough to keep the next request at hand while one is at work; more would be the peer's queue in our memory. */
const queuedBytesMax = 1024 * 1024;
/** One answer above this and the connection waits for its reader. */
const unsentBytesMax = 1024 * 1024;
/** Produce requests that wait for the disk; Kafka's clients keep 5, librdkafka up to 1,000,000. */
const slotCountMax = 256;

/**
 * What was queued behind a request that was held this long waits a moment more, so that the two answers travel apart, as
 * they do from Kafka. librdkafka counts on that: a fetch that ends and an offset it asked for earlier, told in one go,
 * race between two of its threads, and the older offset may win (the compat scenario seek-pause-watermarks).
 */
const longPollMs = 10;
const afterLongPollMs = 1;

/** A request as it came, and the pooled buffer it is in, if it is in one. */
interface Frame {
  readonly bytes: Uint8Array;
  readonly buffer: Uint8Array | null;
}

/** The answer to one request: empty until ready, then its chunks (none for a request that has no answer). */
interface Slot {
  chunks: readonly Uint8Array[] | null;
  sent: (() => void) | null;
  readonly frameBytes: number;
}

type CloseListener = (connection: Connection) => void;

export class Connection implements SocketHandler {
  readonly id: number;
  readonly listener: Listener;
  readonly remoteHostname: string;
  readonly remotePort: number;
  /** Who is connected: nobody is asked. */
  readonly principalName = "ANONYMOUS";
  /** From ApiVersions v3 (KIP-511); empty until told. */
  clientSoftwareName = "";
  clientSoftwareVersion = "";
  /** Monotonic time of the last byte in either direction. */
  lastActiveMs: number;

  readonly #broker: Broker;
  readonly #socket: Socket;
  #clientHost: string | null = null;
  readonly #assembler: FrameAssembler;
  readonly #queue: Frame[] = [];
  #queuedBytes = 0;
  /** A request that was taken up keeps views of the chunk it arrived in (6). */
  #isChunkKept = false;
  /** Of a request that is not whole yet, as counted in the budget. */
  #heldBytes = 0;
  readonly #slots: Slot[] = [];
  #isBusy = false;
  #isProcessing = false;
  #isPaused = false;
  #isClosed = false;
  #isDraining = false;
  /** Until it ends the connection rests: its client is over a limit. */
  #rest: Timer | null = null;
  #restUntilMs = 0;
  /** Mostly one or two: an array takes a fifth of what a set does. */
  readonly #closeListeners: CloseListener[] = [];
  /** Made when it first has to wait. */
  #resume: (() => void) | null = null;

  constructor(broker: Broker, listener: Listener, socket: Socket, id: number) {
    this.id = id;
    this.listener = listener;
    this.remoteHostname = socket.remoteHostname;
    this.remotePort = socket.remotePort;
    this.lastActiveMs = broker.runtime.clock.monotonicMs();
    this.#broker = broker;
    this.#socket = socket;
    this.#assembler = new FrameAssembler({
      sizeBytesMax: broker.config.get("socket.request.max.bytes"),
      buffers: broker.frameBuffers,
      emit: (bytes, buffer) => {
        this.#queue.push({ bytes, buffer });
        this.#queuedBytes += bytes.length;
        this.#broker.requestBytes.take(bytes.length);
      },
    });
  }

  /** As Java prints an address; one text for all members that this connection speaks for. */
  get clientHost(): string {
    return this.#clientHost ??= `/${this.remoteHostname}`;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** No request is queued, at work or unanswered. */
  get isIdle(): boolean {
    return this.#queue.length === 0 && this.#slots.length === 0;
  }

  get isResting(): boolean {
    return this.#rest !== null;
  }

  /** Takes up no request and reads nothing for so long (KIP-219); answers still go out. */
  rest(durationMs: number): void {
    const { clock, timers } = this.#broker.runtime;
    const untilMs = clock.monotonicMs() + durationMs;
    if (this.#isClosed || (this.#rest !== null && untilMs <= this.#restUntilMs)) return;
    this.#rest?.cancel();
    this.#restUntilMs = untilMs;
    this.#rest = timers.after(durationMs, () => {
      this.#rest = null;
      this.#process();
      this.#readOn();
    });
    this.#readOn();
  }

  /** Calls `run` when the connection closes; for waits that should end with it. Returns what takes it back. */
  onClose(run: CloseListener): () => void {
    if (this.#isClosed) {
      run(this);
      return () => {};
    }
    this.#closeListeners.push(run);
    return () => {
      const at = this.#closeListeners.indexOf(run);
      if (at >= 0) this.#closeListeners.splice(at, 1);
    };
  }

  // ------------------------------------------------------------------------------------------ SocketHandler

  data(chunk: Uint8Array): void {
    if (this.#isClosed || this.#isDraining) return;
    this.#isChunkKept = false;
    try {
      this.#assembler.data(chunk);
    } catch (error) {
      return this.#refuse(error);
    }
    this.#received();
    if (this.#queue.length === 0 && !this.#isChunkKept) this.#socket.recycle(chunk); // (6)
  }

  target(): Uint8Array | null {
    return this.#assembler.target();
  }

  filled(byteCount: number): void {
    if (this.#isClosed || this.#isDraining) return;
    try {
      this.#assembler.filled(byteCount);
    } catch (error) {
      return this.#refuse(error);
    }
    this.#received();
  }

  drain(): void {
    this.#process();
  }

  close(error: Error | null): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (error !== null) {
      this.#broker.logger.debug("connection broke", { remote: this.#remote(), reason: error.message });
    }
    this.#release();
  }

  // ------------------------------------------------------------------------------------------ for the broker

  /** Answers what is at work, takes up nothing new, then closes. */
  finish(): void {
    this.#isDraining = true;
    this.#dropQueue();
    if (this.#slots.length === 0) this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  // ------------------------------------------------------------------------------------------ in

  #received(): void {
    this.lastActiveMs = this.#broker.runtime.clock.monotonicMs();
    this.#chargeHeld(this.#assembler.heldBytes);
    this.#process();
    this.#readOn();
  }

  /** Counts what is here of a request that is not whole yet (3). */
  #chargeHeld(heldBytes: number): void {
    const { requestBytes } = this.#broker;
    if (heldBytes === 0 && this.#heldBytes > 0) requestBytes.endExcess(this);
    if (heldBytes > this.#heldBytes) requestBytes.take(heldBytes - this.#heldBytes);
    else if (heldBytes < this.#heldBytes) requestBytes.give(this.#heldBytes - heldBytes);
    this.#heldBytes = heldBytes;
  }

  /** Stops or starts reading, by what is queued and what the broker as a whole may hold (4). */
  #readOn(): void {
    if (this.#isClosed) return;
    const { requestBytes } = this.#broker;
    // One that rests reads nothing anyway: it neither takes the turn of those that must go beyond the bound nor keeps it.
    if (this.#rest !== null) requestBytes.endExcess(this);
    const mustWait = this.#rest === null && requestBytes.isExhausted &&
      (!this.isIdle || (this.#heldBytes > 0 && !requestBytes.mayExceed(this)));
    const isFull = mustWait || this.#queuedBytes > queuedBytesMax || this.#rest !== null;
    if (mustWait) requestBytes.whenRoom(this.#resume ??= () => this.#readOn());
    if (isFull === this.#isPaused) return;
    this.#isPaused = isFull;
    if (isFull) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Takes up queued requests while the rules allow (2)(4). hot: per request */
  #process(): void {
    if (this.#isProcessing) return;
    this.#isProcessing = true;
    while (
      !this.#isClosed && !this.#isBusy && this.#rest === null && this.#queue.length > 0 &&
      this.#slots.length < slotCountMax && this.#socket.pendingBytes <= unsentBytesMax
    ) {
      const frame = this.#queue.shift()!;
      this.#queuedBytes -= frame.bytes.length;
      this.#take(frame);
    }
    this.#isProcessing = false;
    if (this.#isPaused) this.#readOn();
  }

  #take({ bytes, buffer }: Frame): void {
    const slot: Slot = { chunks: null, sent: null, frameBytes: bytes.length };
    this.#slots.push(slot);
    let answer: readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
    let isPipelined: boolean;
    let ordered: Promise<void> | null;
    try {
      const result = dispatch(this.#broker, this, bytes, (run) => {
        const before = slot.sent;
        slot.sent = before === null ? run : () => {
          before();
          run();
        };
      });
      ({ answer, isPipelined, ordered } = result);
      if (!isPipelined || ordered !== null) this.#isChunkKept = true;
      else if (buffer !== null) this.#broker.frameBuffers.give(buffer); // its request was copied or written
    } catch (error) {
      slot.chunks = [];
      return this.#refuse(error);
    }
    if (!(answer instanceof Promise)) {
      slot.chunks = answer;
      this.#flush();
      return;
    }
    const startMs = isPipelined ? 0 : this.#broker.runtime.clock.monotonicMs();
    if (!isPipelined) this.#isBusy = true;
    if (ordered !== null) this.#holdFor(ordered);
    answer.then((chunks) => {
      slot.chunks = chunks;
      this.#flush();
      if (isPipelined) return this.#process();
      this.#isBusy = false;
      const waitedMs = this.#broker.runtime.clock.monotonicMs() - startMs;
      if (waitedMs < longPollMs || this.#queue.length === 0) return this.#process();
      this.#isBusy = true;
      this.#broker.runtime.timers.after(afterLongPollMs, () => {
        this.#isBusy = false;
        this.#process();
      });
    }, (error) => {
      slot.chunks = [];
      this.#refuse(error);
      if (this.#isClosed) this.#release();
    });
  }

  /** The next request is looked at once `ordered` resolves (2). Should it fail, so does the answer, and none is. */
  #holdFor(ordered: Promise<void>): void {
    this.#isBusy = true;
    ordered.then(() => {
      this.#isBusy = false;
      this.#process();
    }, () => {});
  }

  // ------------------------------------------------------------------------------------------ out

  /** Writes the ready slots at the front (1). */
  #flush(): void {
    if (this.#isClosed) return this.#release();
    while (this.#slots.length > 0) {
      const slot = this.#slots[0]!;
      if (slot.chunks === null) break;
      this.#slots.shift();
      this.#broker.requestBytes.give(slot.frameBytes);
      if (slot.chunks.length > 0) {
        this.lastActiveMs = this.#broker.runtime.clock.monotonicMs();
        if (slot.sent === null) this.#socket.write(slot.chunks);
        else this.#socket.write(slot.chunks, slot.sent);
      } else {
        slot.sent?.();
      }
    }
    if (this.#isDraining && this.#slots.length === 0) this.#socket.end();
  }

  /** The peer's mistake, or ours, after which this connection cannot go on: one line, and it is closed. */
  #refuse(error: unknown): void {
    if (this.#isClosed) return;
    const reason = error instanceof Error ? error.message : String(error);
    if (error instanceof MalformedFrame || error instanceof FrameSizeError || error instanceof RequestRefused) {
      this.#broker.logger.warn("connection refused", { remote: this.#remote(), reason });
    } else {
      const stack = error instanceof Error ? error.stack : undefined;
      this.#broker.logger.error("request failed", { remote: this.#remote(), reason, stack });
    }
    // What is queued behind it is not taken up: a batch must not overtake one that was refused before it.
    this.#isDraining = true;
    this.#dropQueue();
    this.#socket.destroy();
  }

  #release(): void {
    this.#rest?.cancel();
    this.#dropQueue();
    this.#chargeHeld(0);
    if (this.#resume !== null) this.#broker.requestBytes.forget(this.#resume);
    // A slot whose answer is still awaited stays: its views are released when the answer comes (see #flush).
    for (let index = this.#slots.length - 1; index >= 0; index--) {
      const slot = this.#slots[index]!;
      if (slot.chunks === null) continue;
      this.#slots.splice(index, 1);
      this.#broker.requestBytes.give(slot.frameBytes);
      slot.sent?.();
    }
    for (const run of this.#closeListeners.splice(0)) run(this);
  }

  #dropQueue(): void {
    for (const { bytes } of this.#queue) this.#broker.requestBytes.give(bytes.length);
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }

  #remote(): string {
    return `${this.remoteHostname}:${this.remotePort}`;
  }
}
