/**
 * Which names a topic may have, and which topics are the broker's own. Kafka's rules, and its words for their breach.
 *
 * A name becomes a folder's name (`name-partition`), hence the alphabet and the length: 249 characters, a dash, a
 * partition number and a suffix such as `-delete` must fit into 255.
 */

const nameLengthMax = 249;
const legalName = /^[a-zA-Z0-9._-]+$/;

export const OFFSETS_TOPIC = "__consumer_offsets";
export const TRANSACTIONS_TOPIC = "__transaction_state";
export const SHARE_STATE_TOPIC = "__share_group_state";
/** What clients report of their metrics: a topic of this program's, which Kafka does not have. */
export const CLIENT_METRICS_TOPIC = "__client_metrics";
/** Where the metadata itself lives: never a topic that clients see. */
export const METADATA_TOPIC = "__cluster_metadata";
/** Kafka's fixed id of that topic: the number 1. */
export const METADATA_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAQ";

/** What is wrong with `name`, or null when it is fine. */
export function topicNameTrouble(name: string): string | null {
  if (name === "") return "the empty string is not allowed";
  if (name === "." || name === "..") return `'${name}' is not allowed`;
  if (name.length > nameLengthMax) {
    return `the length of '${name}' is longer than the max allowed length ${nameLengthMax}`;
  }
  if (!legalName.test(name)) {
    return `'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`;
  }
  return null;
}

/**
 * Two names with one key collide: metrics of both would have the same name, because "." becomes "_" there. Kafka
 * refuses the second of them.
 */
export function collisionKey(name: string): string {
  return name.replaceAll(".", "_");
}

export function isInternalTopic(name: string): boolean {
  return name === OFFSETS_TOPIC || name === TRANSACTIONS_TOPIC || name === SHARE_STATE_TOPIC ||
    name === CLIENT_METRICS_TOPIC;
}
