/**
 * A limit of partitions made and deleted per second (KIP-599).
 *
 * Newer versions of the requests are strict: what comes while there is a debt is refused. Older clients do not know that error:
 * theirs is done, and they wait.
 */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { EntityQuotas } from "../cluster/client_quotas.ts";
import { Limits } from "./limits.ts";
import type { Client } from "./rate_quota.ts";
import { Sensors } from "./sensors.ts";
import { TokenBucket } from "./token_bucket.ts";
import type { Windows } from "./windowed_rate.ts";

const NAME = "controller_mutation_rate";

export class MutationQuota {
  readonly #buckets: Sensors<TokenBucket>;
  #limits = new Limits([], NAME);

  constructor(windows: Windows) {
    this.#buckets = new Sensors(() => new TokenBucket(windows));
  }

  get isActive(): boolean {
    return !this.#limits.isEmpty;
  }

  reload(quotas: Iterable<EntityQuotas>): void {
    this.#limits = new Limits(quotas, NAME);
  }

  /** For one request. */
  admission({ user, clientId }: Client, options: { readonly isStrict: boolean; now(): number }): Mutations {
    const limit = this.#limits.find(user, clientId);
    if (limit.value === Infinity) return unlimited;
    return new LimitedMutations(this.#buckets.get(limit.key, options.now()), limit.value, options);
  }
}

/** What one request makes and deletes. */
export interface Mutations {
  /**
   * A change of so many partitions of a topic is about to be made. Asked again for the same topic, the answer is the same.
   * @throws {ProtocolError} THROTTLING_QUOTA_EXCEEDED when it may not be
   */
  admit(topic: string, partitionCount: number): void;
  /** How long to wait for what was asked, from now on. */
  throttleMs(): number;
}

const unlimited: Mutations = { admit() {}, throttleMs: () => 0 };

class LimitedMutations implements Mutations {
  readonly #bucket: TokenBucket;
  readonly #perSecond: number;
  readonly #options: { readonly isStrict: boolean; now(): number };
  readonly #verdicts = new Map<string, ProtocolError | null>();
  #untilMs = 0;

  constructor(bucket: TokenBucket, perSecond: number, options: { readonly isStrict: boolean; now(): number }) {
    this.#bucket = bucket;
    this.#perSecond = perSecond;
    this.#options = options;
  }

  admit(topic: string, partitionCount: number): void {
    let verdict = this.#verdicts.get(topic);
    if (verdict === undefined) this.#verdicts.set(topic, verdict = this.#decide(partitionCount));
    if (verdict !== null) throw verdict;
  }

  throttleMs(): number {
    return Math.max(0, this.#untilMs - this.#options.now());
  }

  #decide(partitionCount: number): ProtocolError | null {
    const nowMs = this.#options.now();
    const { isStrict } = this.#options;
    if (isStrict && this.#owes(nowMs)) return new ProtocolError(ErrorCode.THROTTLING_QUOTA_EXCEEDED);
    this.#bucket.spend(partitionCount, this.#perSecond, nowMs);
    if (!isStrict) this.#owes(nowMs);
    return null;
  }

  #owes(nowMs: number): boolean {
    const throttleMs = this.#bucket.throttleMs(this.#perSecond, nowMs);
    if (throttleMs > 0) this.#untilMs = nowMs + throttleMs;
    return throttleMs > 0;
  }
}
