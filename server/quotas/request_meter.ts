/**
 * What one request uses of its client's limits, and how long the connection rests for it: it is answered first, with the time in
 * the answer, and not read from meanwhile (KIP-219). There is a meter only while some limit is set.
 *
 *   produce   its bytes, when it was taken up, so that no more is taken up behind it
 *   fetch     the bytes of its answer; one that would go over the limit is answered empty and not counted
 *   any       the time that the event loop spent on it, up to where it began to wait for something
 *
 * Of several limits that were passed, the longest wait counts.
 */
import type { EncodedResponse } from "../../protocol/frame.ts";
import { isPresent } from "../../protocol/field_rules.ts";
import type { AnyApi } from "../../protocol/schema.ts";
import type { Mutations } from "./mutation_quota.ts";
import type { Quotas } from "./quotas.ts";
import type { Client } from "./rate_quota.ts";

const PERCENT_PER_MS = 100 / 1_000;
/** Kafka's, as a number of 32 bits: 24 days. */
const THROTTLE_MS_MAX = 2 ** 31 - 1;

/** WriteTxnMarkers: brokers do not keep each other waiting, as in Kafka. */
const EXEMPT_KEY = 27;

type Answer = Record<string, unknown>;
type Encoded = readonly Uint8Array[];
type Encode = (response: Answer) => Encoded;

/** What is made to rest. */
export interface Restable {
  rest(durationMs: number): void;
}

export class RequestMeter {
  readonly #quotas: Quotas;
  readonly #connection: Restable;
  readonly #client: Client;
  readonly #sizeBytes: number;
  readonly #startMs: number;
  #handledMs: number | null = null;
  #throttleMs = 0;
  #isSettled = false;
  #mutations: Mutations | null = null;

  constructor(
    quotas: Quotas,
    connection: Restable,
    request: Client & { readonly sizeBytes: number },
  ) {
    this.#quotas = quotas;
    this.#connection = connection;
    this.#client = request;
    this.#sizeBytes = request.sizeBytes;
    this.#startMs = quotas.exactMs();
  }

  /** The request brought data. */
  produced(): void {
    this.#rest(this.#quotas.produce.record(this.#client, this.#sizeBytes, this.#quotas.nowMs()));
  }

  /** The most that an answer may bring; more would never be within the limit. */
  fetchBytesMax(): number {
    return this.#quotas.fetch.mostAtOnce(this.#client);
  }

  /** An answer that brings data, encoded to know its size; null where nobody counts that. */
  encoded<Sized>(encode: () => Sized): Sized | null {
    this.#settle();
    if (!this.#quotas.fetch.isActive) return null;
    const beganMs = this.#quotas.exactMs();
    const encoded = encode();
    this.#noteTime(beganMs);
    return encoded;
  }

  /** The answer is sent, whatever it takes. */
  fetched(answer: { readonly sizeBytes: number } | null): void {
    if (answer === null) return;
    this.#rest(this.#quotas.fetch.record(this.#client, answer.sizeBytes, this.#quotas.nowMs()));
  }

  /** Counts the answer, unless the client must rest: then it is to be answered without data. */
  admitsFetch(answer: { readonly sizeBytes: number } | null): boolean {
    if (answer !== null) {
      const { sizeBytes } = answer;
      const nowMs = this.#quotas.nowMs();
      this.#rest(this.#quotas.fetch.record(this.#client, sizeBytes, nowMs));
      if (this.#throttleMs > 0) this.#quotas.fetch.note(this.#client, -sizeBytes, nowMs);
    }
    return this.#throttleMs === 0;
  }

  /** For a request to make or delete partitions: it rests for those that were too many. */
  mutations(options: { readonly isStrict: boolean }): Mutations {
    return this.#mutations = this.mutationsAside(options);
  }

  /** For one that makes partitions by the way. */
  mutationsAside({ isStrict }: { readonly isStrict: boolean }): Mutations {
    return this.#quotas.mutations.admission(this.#client, { isStrict, now: () => this.#quotas.nowMs() });
  }

  /** The handler has returned: what follows, it waits for. */
  handled(): void {
    this.#handledMs ??= this.#quotas.exactMs();
  }

  /**
   * Encodes the answer with the time to rest in it, where its version has a place for that. What encoding takes counts for the
   * client's next request.
   */
  answered(response: Answer, of: { readonly api: AnyApi; readonly version: number }, encode: Encode): Encoded {
    if (of.api.key !== EXEMPT_KEY) this.#settle();
    this.#rest(this.#mutations?.throttleMs() ?? 0);
    const beganMs = this.#quotas.exactMs();
    const field = of.api.response.fields.throttleTimeMs;
    const isTold = this.#throttleMs > 0 && field !== undefined && isPresent(field.spec, of.version);
    const encoded = encode(isTold ? { ...response, throttleTimeMs: this.#throttleMs } : response);
    if (of.api.key !== EXEMPT_KEY) this.#noteTime(beganMs);
    return encoded;
  }

  /** Puts the time to rest into an answer that has been counted. The answers that are have its place at their beginning. */
  answeredEncoded(response: EncodedResponse): void {
    if (this.#throttleMs > 0) response.patchFirstInt32(this.#throttleMs);
  }

  #noteTime(sinceMs: number): void {
    const percent = (this.#quotas.exactMs() - sinceMs) * PERCENT_PER_MS;
    this.#quotas.requestTime.note(this.#client, percent, this.#quotas.nowMs());
  }

  #settle(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    if (!this.#quotas.requestTime.isActive) return;
    const tookMs = (this.#handledMs ?? this.#quotas.exactMs()) - this.#startMs;
    this.#rest(this.#quotas.requestTime.record(this.#client, tookMs * PERCENT_PER_MS, this.#quotas.nowMs()));
  }

  #rest(durationMs: number): void {
    const restMs = Math.min(durationMs, THROTTLE_MS_MAX);
    if (restMs <= this.#throttleMs) return;
    this.#throttleMs = restMs;
    this.#connection.rest(restMs);
  }
}
