/** What configs says of every kind of entity, and lets be changed. */

import type { RunOptions, Scripts } from "./shell.ts";

/** Kafka does not have our own settings; its order is that of a hash map. */
const notOurs: RunOptions = { rows: /^(?!flush\.policy=)/, isSorted: true };

/** What is wrong with a value is said in words of our own. */
const ownWords: RunOptions = { mask: [[/\bInvalid value .*$/g, "Invalid value <why>"]] };

export const configsScripts: Scripts = {
  "configs describes and alters topics": async (shell) => {
    const topic = "--entity-type topics --entity-name configured.c";
    await shell.run(`
      topics --create --topic configured.c
      configs --alter ${topic} --add-config retention.ms=1000,cleanup.policy=compact
      configs --describe ${topic}
      configs --alter ${topic} --add-config cleanup.policy=[compact,delete]
      configs --describe ${topic}
      configs --alter ${topic} --delete-config retention.ms
      configs --alter ${topic} --delete-config retention.ms,flush.ms
      configs --describe ${topic}
      configs --describe --entity-type topics --entity-name unheard-of.c
    `);
    await shell.run(`configs --describe ${topic} --all`, notOurs);
    const file = shell.file("topic.properties", "max.message.bytes=2000\nsegment.ms=9000\n");
    await shell.run(`
      configs --alter ${topic} --add-config-file ${file}
      configs --describe ${topic}
      configs --alter ${topic} --delete-config no.such.config
    `);
    await shell.refuses(
      `
        configs --alter ${topic} --add-config no.such.config=1
        configs --alter ${topic} --add-config retention.ms=-2
        configs --alter ${topic} --add-config cleanup.policy=shred
        configs --alter --entity-type topics --entity-name unheard-of.c --add-config retention.ms=1
      `,
      ownWords,
    );
  },

  "configs describes and alters brokers": async (shell) => {
    const [one, all] = ["--entity-type brokers --entity-name 1", "--entity-type brokers --entity-default"];
    await shell.run(`
      topics --create --topic inherits.c
      configs --describe ${all}
      configs --alter ${all} --add-config message.max.bytes=2000000
    `);
    await shell.runUntil(/message\.max\.bytes=2000000 sens/, `configs --describe ${all}`);
    await shell.run(`configs --alter ${one} --add-config log.cleaner.threads=2,log.retention.ms=70000`);
    await shell.runUntil(/log\.cleaner\.threads=2 sens/, `configs --describe ${one}`);
    await shell.run("configs --describe --entity-type brokers");
    await shell.run("configs --describe --entity-type topics --entity-name inherits.c --all", notOurs);
    await shell.run(`
      configs --alter ${one} --delete-config log.cleaner.threads,log.retention.ms
      configs --alter ${all} --delete-config message.max.bytes
      configs --describe ${one}
      configs --describe ${all}
    `);
    await shell.run(`configs --describe ${one} --all`, { rows: /^num\.partitions=/ });
    await shell.refuses(
      `
        configs --alter ${one} --add-config node.id=2
        configs --alter ${one} --add-config log.cleaner.threads=many
      `,
      ownWords,
    );
  },

  "configs describes and alters loggers, of which the root is everywhere": async (shell) => {
    const loggers = "--entity-type broker-loggers --entity-name 1";
    const ofTheRoot: RunOptions = { rows: /^(?!\S+=)|^root=/ };
    await shell.run(`configs --alter ${loggers} --add-config root=WARN`);
    await shell.run(`configs --describe ${loggers}`, ofTheRoot);
    await shell.run(`configs --describe ${loggers} --all`, ofTheRoot);
    await shell.run(`configs --alter ${loggers} --add-config root=INFO`);
    await shell.run(`configs --describe --broker-logger 1`, ofTheRoot);
    await shell.refuses(`
      configs --alter ${loggers} --add-config no.such.logger=INFO
      configs --alter ${loggers} --add-config root=LOUD
      configs --alter ${loggers} --delete-config root
      configs --alter ${loggers} --delete-config no.such.logger
      configs --alter --entity-type broker-loggers --add-config root=INFO
      configs --alter --entity-type broker-loggers --entity-default --add-config root=INFO
      configs --describe --entity-type broker-loggers
      configs --describe --entity-type broker-loggers --entity-default
    `);
  },

  "configs describes and alters groups": async (shell) => {
    const group = "--entity-type groups --entity-name group.c";
    await shell.run(`
      configs --describe ${group}
      configs --alter ${group} --add-config consumer.session.timeout.ms=50000
      configs --describe ${group}
      configs --alter ${group} --add-config share.auto.offset.reset=earliest,streams.num.standby.replicas=1
      configs --describe ${group}
      configs --alter ${group} --delete-config consumer.session.timeout.ms,share.auto.offset.reset
      configs --describe ${group}
    `);
    await shell.refuses(`
      configs --alter ${group} --add-config consumer.heartbeat.interval.ms=1
      configs --alter ${group} --add-config unheard.of=1
    `);
  },

  "configs describes and alters client metrics": async (shell) => {
    const metrics = "--entity-type client-metrics --entity-name metrics.c";
    await shell.run(`
      configs --alter ${metrics} --add-config interval.ms=1000,metrics=[org.apache.kafka.producer.,org.apache.kafka.consumer.]
      configs --describe ${metrics}
      configs --alter ${metrics} --add-config match=[client_id=a.*,client_software_name=b]
      configs --describe ${metrics}
      configs --alter ${metrics} --delete-config interval.ms
      configs --describe ${metrics}
      configs --alter ${metrics} --delete-config metrics,match
      configs --describe ${metrics}
    `);
    await shell.refuses(`
      configs --alter ${metrics} --add-config interval.ms=1
      configs --alter ${metrics} --add-config match=[client=1]
      configs --alter ${metrics} --add-config unheard.of=1
    `);
  },
};
