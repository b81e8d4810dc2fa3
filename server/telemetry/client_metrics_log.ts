/**
 * Where reports are kept: `__client_metrics`, made with the first of them, for anybody to consume. Its key is the client
 * instance's id, its value what `report.ts` says. It has no promise of durability: a report that cannot be kept is lost, and said
 * to be, for its client could do nothing about it.
 */
import { Compression } from "../../protocol/compression.ts";
import { encodeBatch } from "../../protocol/record.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { CLIENT_METRICS_TOPIC } from "../cluster/topic_name.ts";
import type { Logger } from "../log.ts";
import type { InternalTopic } from "../partitions/internal_topic.ts";

export interface ClientMetricsLogOptions {
  readonly logger: Logger;
  readonly cluster: Pick<Cluster, "autoCreateTopics">;
  readonly topic: Pick<InternalTopic, "partitionCount" | "write">;
}

const PARTITION = 0;
const text = new TextEncoder();

export class ClientMetricsLog {
  readonly #options: ClientMetricsLogOptions;

  constructor(options: ClientMetricsLogOptions) {
    this.#options = options;
  }

  async write(clientInstanceId: string, texts: readonly string[], timestamp: number): Promise<void> {
    const { cluster, topic, logger } = this.#options;
    const key = text.encode(clientInstanceId);
    try {
      if (topic.partitionCount === 0) await this.#make(cluster);
      for (const value of texts) {
        const records = [{ timestamp, key, value: text.encode(value) }];
        await topic.write(PARTITION, encodeBatch({ records, compression: Compression.lz4 }));
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      logger.warn("client metrics lost", { client: clientInstanceId, cause: error });
    }
  }

  /** @throws {ProtocolError} */
  async #make(cluster: ClientMetricsLogOptions["cluster"]): Promise<void> {
    const [outcome] = await cluster.autoCreateTopics([CLIENT_METRICS_TOPIC]);
    if (outcome!.error !== null) throw outcome!.error;
  }
}
