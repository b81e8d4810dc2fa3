/** What the parts of one log share: its segments, producers and leader epochs, what of them is synced, and its health. */
import { type StorageContext } from "./context.ts";
import { type StorageError } from "./errors.ts";
import { LazyLeaderEpochs, type LeaderEpochs } from "./leader_epochs.ts";
import { LogHealth } from "./log_health.ts";
import { type LoadedLog } from "./log_loader.ts";
import { LogSync } from "./log_sync.ts";
import { ProducerLog } from "./producer_log.ts";
import { SegmentList } from "./segment_list.ts";

export interface LogParts {
  readonly context: StorageContext;
  readonly name: string;
  readonly directory: string;
  readonly segments: SegmentList;
  readonly producers: ProducerLog;
  readonly epochs: LazyLeaderEpochs;
  readonly sync: LogSync;
  readonly health: LogHealth;
}

export function createLogParts(context: StorageContext, options: {
  readonly name: string;
  readonly directory: string;
  readonly loaded: LoadedLog;
  readonly hasFolder: boolean;
  /** For epochs that `loaded` does not have. */
  readonly openEpochs: () => LeaderEpochs;
}): LogParts {
  const { name, directory, loaded } = options;
  const segments = new SegmentList(loaded.segments);
  const isNew = loaded.replayFromOffset === null && loaded.snapshotOffsets.length === 0 && segments.count === 1 &&
    segments.active.sizeBytes === 0;
  const health = new LogHealth(context, { name, directory });
  const failed = (error: StorageError) => health.failed(error);
  return {
    context,
    name,
    directory,
    segments,
    producers: new ProducerLog(context, directory, segments, { ...loaded, isNew, failed }),
    epochs: new LazyLeaderEpochs(loaded.epochs, options.openEpochs, failed),
    sync: new LogSync(context, directory, {
      endOffset: loaded.logEndOffset,
      recoveryPoint: loaded.recoveryPoint,
      isNewFolder: !options.hasFolder,
    }),
    health,
  };
}
