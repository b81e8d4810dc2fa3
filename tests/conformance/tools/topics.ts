/** Topics, and what the cluster says of itself. */

import type { Scripts } from "./shell.ts";

export const topicsScripts: Scripts = {
  "topics creates, lists, describes, alters and deletes": async (shell) => {
    await shell.run(`
      topics --create --topic orders.s --partitions 2 --config retention.ms=60000
      topics --create --topic assigned.s --replica-assignment 1,1,1
      topics --create --topic orders.s --if-not-exists
      topics --list --topic .*[.]s
      topics --list --exclude-internal --topic .*[.]s
      topics --alter --topic orders.s --partitions 3
      topics --describe --topic orders.s
      topics --describe --topic .*[.]s --partition-size-limit-per-response 2
      topics --describe --topic .*[.]s --topics-with-overrides
      topics --describe --topic .*[.]s --under-replicated-partitions
      topics --describe --topic .*[.]s --unavailable-partitions
      topics --describe --topic .*[.]s --under-min-isr-partitions
      topics --describe --topic .*[.]s --at-min-isr-partitions
      topics --delete --topic orders.s
      topics --delete --topic orders.s --if-exists
      topics --delete --topic assigned.s
      topics --list --topic .*[.]s
      topics --describe --topic orders.s --if-exists
    `);
  },

  "topics describes by the topic's id": async (shell) => {
    await shell.run("topics --create --topic by-id.s");
    const { output } = await shell.run("topics --describe --topic by-id.s");
    const id = /TopicId: ([\w-]{22})/.exec(output)?.[1] ?? "";
    await shell.run(`topics --describe --topic-id ${id}`, { mask: [[RegExp(id, "g"), "<id>"]] });
    await shell.refuses("topics --describe --topic-id AAAAAAAAAAAAAAAAAAAAAQ");
  },

  "topics says why a topic cannot be made, found or changed": async (shell) => {
    await shell.run("topics --create --topic once.s --partitions 2");
    await shell.refuses(`
      topics --create --topic once.s
      topics --create --topic wide.s --replication-factor 3
      topics --create --topic none.s --partitions 0
      topics --create --topic elsewhere.s --replica-assignment 1,2
      topics --create --topic twice.s --replica-assignment 1:1
      topics --create --topic bad!name
      topics --create --topic ..
      topics --create --topic configured.s --config no.such.config=1
      topics --create --topic configured.s --config retention.ms=soon
      topics --create --topic configured.s --config cleanup.policy=shred
      topics --describe --topic unknown.s
      topics --alter --topic unknown.s --partitions 3
      topics --alter --topic once.s --partitions 1
      topics --alter --topic once.s --partitions 2
      topics --delete --topic unknown.s
    `);
  },

  "cluster tells its id and its nodes": async (shell) => {
    await shell.run(
      `
      cluster cluster-id
      cluster list-endpoints
      cluster list-endpoints --include-fenced-brokers
    `,
      { mask: [[/Cluster ID: \S+/g, "Cluster ID: <id>"]] },
    );
  },

  "broker-api-versions finds the same requests, to be sent in the same versions": async (shell) => {
    // Older versions are served as well: docs/differences.md.
    await shell.run("broker-api-versions", { mask: [[/: \d+(?: to \d+)? \[usable/g, ": [usable"]] });
  },
};
