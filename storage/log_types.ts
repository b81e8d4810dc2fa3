/** What goes into a log and comes out of it, and whom it tells. */
import { type StorageError } from "./errors.ts";
import { type Log } from "./log.ts";
import { type LogConfig } from "./log_config.ts";
import { type LoadedLog } from "./log_loader.ts";
import { type KnownBatch } from "./producer_entry.ts";
import { type ProducerCheck } from "./producer_state.ts";

export interface AppendOptions extends ProducerCheck {
  readonly leaderEpoch: number;
}

/** `errorCode` is one of `ErrorCode`; `logAppendTimeMs` is -1 where the records keep their own time. */
export type AppendResult =
  | {
    readonly kind: "appended" | "duplicate";
    readonly firstOffset: number;
    readonly lastOffset: number;
    readonly logAppendTimeMs: number;
    readonly logStartOffset: number;
  }
  | { readonly kind: "rejected"; readonly errorCode: number };

/** The answer to a batch that was written before. */
export function duplicateOf(batch: KnownBatch, logStartOffset: number): AppendResult {
  const { firstOffset, lastOffset, timestampMs } = batch;
  return { kind: "duplicate", firstOffset, lastOffset, logAppendTimeMs: timestampMs, logStartOffset };
}

/** Where a log tells its folder what concerns it. */
export interface LogOwner {
  /** Has unsynced writes, or segments to unlink: look at it in periodic jobs. */
  needsCare(log: Log): void;
  /** `recoveryPoint` moved. */
  recoveryPointMoved(): void;
  /** `recoveryPoint` went back; that, and the cleaner's offset, are on the disk when it returns. */
  recoveryPointLowered(): void;
  /** `logStartOffset` is another; that is on the disk when it returns. */
  startOffsetSet(): void;
  /** `logStartOffset` moved within a segment; resolves when that is durable. */
  startOffsetMoved(): Promise<void>;
}

export interface LogIdentity {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
}

export interface LogOptions {
  readonly identity: LogIdentity;
  readonly config: LogConfig;
  readonly loaded: LoadedLog;
  /** False: the first append makes it. */
  readonly hasFolder: boolean;
}

export interface UnopenedLogOptions {
  readonly identity: LogIdentity;
  readonly config: LogConfig;
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  readonly cause: StorageError;
}
