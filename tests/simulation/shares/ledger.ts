/**
 * What members of a share group were given and told, kept outside of the broker.
 *
 *  1. No record is acquired within the lock of another member, as long as that member's session goes on and it has said nothing
 *     of the record. A broker that starts again knows of no locks.
 *  2. What a member said of a record, and was told is kept, is kept: the record is not acquired again, after a crash either.
 *  3. A record is delivered no more often than may be, as it is told.
 *  4. What a record reads is what was committed there (`../transactions/ledger.ts`).
 *  5. In the end every committed record was delivered.
 *
 * A member knows of its session's end later than the broker. So where (1) seems to be broken, the member must be heard of again
 * in the same session before it is.
 */
import { Broken } from "../broker/history.ts";

export interface Session {
  readonly memberId: string;
}

/** When a request went out and its answer came, and in which life of the broker. */
export interface Moments {
  readonly sentMs: number;
  readonly answeredMs: number;
  readonly life: number;
}

interface Holder {
  readonly session: Session;
  /** Not before that. */
  readonly untilMs: number;
  readonly life: number;
}

interface Suspicion {
  readonly session: Session;
  readonly sinceMs: number;
  readonly what: string;
}

export class ShareLedger {
  readonly seen = new Set<number>();
  acquiredCount = 0;
  /** Told to be done with. */
  readonly #done = new Set<number>();
  readonly #holders = new Map<number, Holder>();
  #suspicions: Suspicion[] = [];

  constructor(readonly lockMs: number, readonly deliveryCountMax: number) {}

  get doneCount(): number {
    return this.#done.size;
  }

  acquired(session: Session, offset: number, deliveryCount: number, { sentMs, answeredMs, life }: Moments): void {
    this.acquiredCount++;
    this.seen.add(offset);
    if (this.#done.has(offset)) throw new Broken(`${offset} is acquired by ${session.memberId}, and done with`); // (2)
    if (deliveryCount < 1 || deliveryCount > this.deliveryCountMax) {
      throw new Broken(`${offset} is delivered for the ${deliveryCount}th time`); // (3)
    }
    const before = this.#holders.get(offset);
    if (before !== undefined && before.life === life && answeredMs < before.untilMs) {
      const what = `${offset} is acquired by ${session.memberId}, and locked for ${before.session.memberId}`;
      if (before.session === session) throw new Broken(what); // (1)
      this.#suspicions.push({ session: before.session, sinceMs: answeredMs, what });
    }
    this.#holders.set(offset, { session, untilMs: sentMs + this.lockMs, life });
  }

  /** The session was there at least when this was sent. (1) */
  heard(session: Session, sentMs: number): void {
    const confirmed = this.#suspicions.find((one) => one.session === session && one.sinceMs < sentMs);
    if (confirmed !== undefined) throw new Broken(confirmed.what);
  }

  /** The member is about to say something of the record: whose it is then is not known until it is answered. */
  said(session: Session, offset: number): void {
    if (this.#holders.get(offset)?.session === session) this.#holders.delete(offset);
  }

  /** All that the session has is given back. */
  ended(session: Session): void {
    for (const [offset, holder] of this.#holders) if (holder.session === session) this.#holders.delete(offset);
    this.#suspicions = this.#suspicions.filter((one) => one.session !== session);
  }

  /** The lock was prolonged. */
  renewed(session: Session, offset: number, { sentMs, life }: Moments): void {
    if (this.#holders.get(offset)?.session !== session) return;
    this.#holders.set(offset, { session, untilMs: sentMs + this.lockMs, life });
  }

  /** The member was told that its word on the record is kept. */
  done(offset: number): void {
    this.#done.add(offset);
  }

  /** (5) */
  checkAllSeen(committed: Iterable<number>): void {
    for (const offset of committed) if (!this.seen.has(offset)) throw new Broken(`${offset} was never delivered`);
  }
}
