/** What a data folder is opened with, and what a new log in it is. */
import type { StorageEvent, StorageLimits } from "./context.ts";
import type { LogConfig } from "./log_config.ts";

export interface LogDirOptions {
  readonly nodeId: number;
  /** Refused when the folder belongs to another; made up when the folder is new and none is given. */
  readonly clusterId?: string;
  /** The settings logs are opened with, until the server calls `updateConfig`. */
  readonly configOf?: (topic: string) => LogConfig;
  readonly limits?: StorageLimits;
  readonly report?: (event: StorageEvent) => void;
}

export interface NewLog {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  readonly config: LogConfig;
}
