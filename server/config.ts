/** The broker's configuration: tables, parsing, resolution. Read `config/broker_config.ts` first. */

export { validateTopicConfigs } from "./config/alter.ts";
export {
  BrokerConfig,
  type ChangeListener,
  type ConfigNotice,
  type DynamicScope,
  type StaticEntry,
  type StaticSource,
} from "./config/broker_config.ts";
export { type BrokerConfigName, brokerConfigs, type BrokerConfigValue } from "./config/broker_configs.ts";
export { type GroupConfigName, groupConfigs } from "./config/group_configs.ts";
export type { Listener } from "./config/listeners.ts";
export { GroupConfig, logConfigFor, TopicConfig } from "./config/topic_config.ts";
export { type TopicConfigName, topicConfigs } from "./config/topic_configs.ts";
export { ConfigError } from "./config/values.ts";
