/** What a Kafka 4.4 broker says of its configs; made by tests/golden/java_configs/make.ts. */

import { readFileSync } from "node:fs";

export interface KafkaConfigDefinition {
  readonly type: string;
  readonly default: string | null;
  readonly allowed?: string;
  readonly internal?: true;
}

export interface KafkaConfigAnswer {
  readonly value: string | null;
  readonly source: string;
  readonly type: string;
  readonly readOnly: boolean;
  readonly sensitive: boolean;
  /** As SOURCE:name=value. */
  readonly synonyms: readonly string[];
}

export interface KafkaConfigs {
  /** The properties that the broker was started with. */
  readonly given: Readonly<Record<string, string>>;
  readonly definitions: Readonly<
    Record<"broker" | "topic" | "group" | "clientMetrics", Readonly<Record<string, KafkaConfigDefinition>>>
  >;
  /** Which configs of a broker can be altered while it runs, and how. */
  readonly dynamic: Readonly<Record<string, string>>;
  readonly answers: Readonly<Record<string, Readonly<Record<string, KafkaConfigAnswer>>>>;
}

export const kafkaConfigs = JSON.parse(
  readFileSync(new URL("../golden/java_configs/kafka_configs.json", import.meta.url), "utf8"),
) as KafkaConfigs;
