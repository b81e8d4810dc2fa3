/**
 * Share sessions (KIP-932): which partitions a member of a share group reads here, so that it says so once. What the member
 * has acquired and not acknowledged is given back when its session ends.
 *
 *     request                means
 *     epoch  0  (fetch)      a new session, with the partitions named; in place of the member's last one
 *     epoch  e > 0           goes on; e must be the one expected. Names what is new, and what is forgotten
 *     epoch -1               the last one: the session ends with it
 *
 *  1. A session ends with its connection, too.
 *  2. At most `sessionsMax` of them.
 */
import { ErrorCode, errorInfo, ProtocolError } from "../../protocol/errors.ts";

export const INITIAL_EPOCH = 0;
export const FINAL_EPOCH = -1;
const EPOCH_MAX = 0x7fffffff;

export interface SessionPartition {
  readonly topicId: string;
  readonly index: number;
  /** The member is to be told of it, whether there are records or not. */
  isAnswerDue: boolean;
}

export class ShareSession {
  /** In the order in which they are served: one that had records goes to the end. */
  readonly partitions = new Map<string, SessionPartition>();
  nextEpoch = 1;
  /** Takes back the wait for the connection's end. */
  forgetConnection: () => void = () => {};

  constructor(readonly groupId: string, readonly memberId: string) {}

  add({ topicId, index }: { readonly topicId: string; readonly index: number }, isAnswerDue: boolean): void {
    const key = sessionKey(topicId, index);
    if (!this.partitions.has(key)) this.partitions.set(key, { topicId, index, isAnswerDue });
  }

  forget(topicId: string, index: number): void {
    this.partitions.delete(sessionKey(topicId, index));
  }

  moveToEnd({ topicId, index }: { readonly topicId: string; readonly index: number }): void {
    const key = sessionKey(topicId, index);
    const partition = this.partitions.get(key);
    if (partition === undefined) return;
    this.partitions.delete(key);
    this.partitions.set(key, partition);
  }
}

export function sessionKey(topicId: string, index: number): string {
  return `${topicId}-${index}`;
}

export class ShareSessions {
  readonly #sessionsMax: () => number;
  readonly #onEnd: (session: ShareSession, isLastOfGroup: boolean) => void;
  readonly #sessions = new Map<string, ShareSession>();
  readonly #countByGroup = new Map<string, number>();

  constructor(options: {
    readonly sessionsMax: () => number;
    /** What the member has is to be given back. */
    readonly onEnd: (session: ShareSession, isLastOfGroup: boolean) => void;
  }) {
    this.#sessionsMax = options.sessionsMax;
    this.#onEnd = options.onEnd;
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** null when there is no room (2). `onClose` tells of the connection's end. */
  open(groupId: string, memberId: string, onClose: (run: () => void) => () => void): ShareSession | null {
    const before = this.#sessions.get(keyOf(groupId, memberId));
    // The member goes on with what it has acquired.
    if (before !== undefined) this.#remove(before);
    if (this.#sessions.size >= this.#sessionsMax()) return null;
    const session = new ShareSession(groupId, memberId);
    this.#sessions.set(keyOf(groupId, memberId), session);
    this.#countByGroup.set(groupId, (this.#countByGroup.get(groupId) ?? 0) + 1);
    session.forgetConnection = onClose(() => this.end(session));
    return session;
  }

  /** @throws {ProtocolError} SHARE_SESSION_NOT_FOUND */
  get(groupId: string, memberId: string): ShareSession {
    const session = this.#sessions.get(keyOf(groupId, memberId));
    if (session === undefined) throw refusal(ErrorCode.SHARE_SESSION_NOT_FOUND);
    return session;
  }

  /**
   * The session of a request that goes on, its epoch moved on.
   * @throws {ProtocolError} SHARE_SESSION_NOT_FOUND, INVALID_SHARE_SESSION_EPOCH
   */
  next(groupId: string, memberId: string, epoch: number): ShareSession {
    const session = this.get(groupId, memberId);
    if (epoch !== session.nextEpoch) throw refusal(ErrorCode.INVALID_SHARE_SESSION_EPOCH);
    session.nextEpoch = session.nextEpoch === EPOCH_MAX ? 1 : session.nextEpoch + 1;
    return session;
  }

  /** Ends the session, unless it has ended. */
  end(session: ShareSession): void {
    if (this.#sessions.get(keyOf(session.groupId, session.memberId)) !== session) return;
    this.#remove(session);
    this.#onEnd(session, !this.#countByGroup.has(session.groupId));
  }

  #remove(session: ShareSession): void {
    session.forgetConnection();
    this.#sessions.delete(keyOf(session.groupId, session.memberId));
    const count = (this.#countByGroup.get(session.groupId) ?? 0) - 1;
    if (count > 0) this.#countByGroup.set(session.groupId, count);
    else this.#countByGroup.delete(session.groupId);
  }
}

function keyOf(groupId: string, memberId: string): string {
  return `${groupId.length}:${groupId}${memberId}`;
}

function refusal(code: number): ProtocolError {
  return new ProtocolError(code, errorInfo(code).message);
}
