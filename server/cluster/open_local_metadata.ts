/** The metadata store of a broker that is alone, in its data folder. */
import type { Runtime } from "../../runtime/runtime.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../storage/log_config.ts";
import type { LogDir } from "../../storage/log_dir.ts";
import type { Logger } from "../log.ts";
import { LocalMetadataStore } from "./local_metadata_store.ts";
import { METADATA_TOPIC, METADATA_TOPIC_ID } from "./topic_name.ts";

/** Nothing of it goes by age or size: the store itself cuts what a snapshot covers. */
const metadataLogConfig: LogConfig = {
  ...DEFAULT_LOG_CONFIG,
  segmentBytes: 64 * 1024 * 1024,
  segmentMs: Infinity,
  retentionBytes: -1,
  retentionMs: -1,
  fileDeleteDelayMs: 0,
};

/** Bytes of changes after which a snapshot is taken, also where the config would allow more. */
const snapshotBytesMax = 1024 * 1024;

/** Opens the metadata log, or makes it in a new folder. */
export function openLocalMetadata(options: {
  readonly runtime: Runtime;
  readonly logDir: LogDir;
  readonly logger: Logger;
  /** `metadata.log.max.record.bytes.between.snapshots` */
  readonly snapshotBytes?: number;
}): LocalMetadataStore {
  const { runtime, logDir, logger } = options;
  const log = logDir.log(METADATA_TOPIC, 0) ??
    logDir.createLog({ topic: METADATA_TOPIC, partition: 0, topicId: METADATA_TOPIC_ID, config: metadataLogConfig });
  log.updateConfig(metadataLogConfig);
  const snapshotBytes = Math.min(options.snapshotBytes ?? Infinity, snapshotBytesMax);
  return new LocalMetadataStore({ runtime, log, logger, snapshotBytes });
}
