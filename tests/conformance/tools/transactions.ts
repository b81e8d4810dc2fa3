/** What transactions tells of them, and does with them. */

import { produce } from "../../../protocol/api/00_produce.ts";
import { until } from "../../support/broker.ts";
import { batch } from "../answers/batches.ts";
import { Transactor } from "../answers/transactor.ts";
import type { Scripts, Shell } from "./shell.ts";

const chance = { without: ["ProducerId", "TransactionDurationMs"] };

/** A transaction under way, with records in a partition. */
async function begun(shell: Shell, name: string, transactionTimeoutMs = 60_000): Promise<Transactor> {
  const topic = await shell.dialogue.topic(name);
  const transactor = await Transactor.of(shell.dialogue, name, topic, transactionTimeoutMs);
  await transactor.send(`${name} sends`, 2);
  return transactor;
}

export const transactionsScripts: Scripts = {
  "transactions lists and describes": async (shell) => {
    const open = await begun(shell, "open");
    const done = await begun(shell, "done");
    await done.end("commits", true);
    await done.settled();
    const listed = { ...chance, rows: /(?:open|done)\.shell|^TransactionalId/, isSorted: true };
    await shell.run(
      `
      transactions list
      transactions list --duration-filter 1000000
      transactions list --transactional-id-pattern ^op.*
    `,
      listed,
    );
    for (const { transactionalId, topic } of [open, done]) {
      await shell.run(
        `
        transactions describe --transactional-id ${transactionalId}
        transactions describe-producers --topic ${topic.name} --partition 0
        transactions describe-producers --topic ${topic.name} --partition 0 --broker-id 1
      `,
        chance,
      );
    }
    await shell.refuses(`
      transactions describe --transactional-id unheard-of.shell
      transactions list --transactional-id-pattern [
    `);
    await open.end("aborts", false);
  },

  "transactions aborts": async (shell) => {
    const byStart = await begun(shell, "by-start");
    const byProducer = await begun(shell, "by-producer");
    const place = ({ topic }: Transactor) => `--topic ${topic.name} --partition 0`;
    await shell.refuses(`transactions abort ${place(byStart)} --start-offset 7`);
    await shell.run(
      `
      transactions abort ${place(byStart)} --start-offset 0
      transactions describe-producers ${place(byStart)}
      get-offsets --topic ${byStart.topic.name}
    `,
      chance,
    );
    const { producerId, producerEpoch } = byProducer;
    const producer = `--producer-id ${producerId} --producer-epoch ${producerEpoch} --coordinator-epoch 0`;
    await shell.run(`transactions abort ${place(byProducer)} ${producer}`, { mask: [[/--producer-id \d+/g, ""]] });
    await shell.run(`transactions describe-producers ${place(byProducer)}`, chance);
  },

  "transactions ends one by force": async (shell) => {
    const { transactionalId, topic } = await begun(shell, "forced");
    await shell.run(
      `
      transactions forceTerminateTransaction --transactionalId ${transactionalId}
      transactions describe --transactional-id ${transactionalId}
      transactions describe-producers --topic ${topic.name} --partition 0
    `,
      chance,
    );
    // Whoever was never heard of has none to end, and becomes known.
    await shell.run(
      `
      transactions forceTerminateTransaction --transactionalId unheard-of.shell
      transactions describe --transactional-id unheard-of.shell
    `,
      chance,
    );
  },

  "transactions finds what hangs": async (shell) => {
    const partition = "transaction.partition.verification.enable";
    await shell.run(`configs --alter --entity-type brokers --entity-default --add-config ${partition}=false`);
    const topic = await shell.dialogue.topic("hanging");
    const { transactionalId, producerId, producerEpoch } = await Transactor.of(shell.dialogue, "hanging", topic);
    const records = batch(1, { producerId, producerEpoch, baseSequence: 0, isTransactional: true });
    const client = await shell.dialogue.main();
    // By the older protocol, and never brought into a transaction: nobody will end it. Kafka takes the setting in a while after.
    await until(async () => {
      const topicData = [{ name: topic.name, partitionData: [{ index: 0, records }] }];
      const { responses } = await client.send(produce, 11, { transactionalId, acks: -1, timeoutMs: 5_000, topicData });
      return responses[0]?.partitionResponses[0]?.errorCode === 0;
    }, { what: "The broker takes the batch" });
    await shell.run(`configs --alter --entity-type brokers --entity-default --delete-config ${partition}`);
    await shell.run(
      `
      transactions find-hanging --topic ${topic.name} --max-transaction-timeout 0
      transactions find-hanging --topic ${topic.name} --partition 0 --max-transaction-timeout 0
      transactions find-hanging --topic ${topic.name} --max-transaction-timeout 15
      transactions abort --topic ${topic.name} --partition 0 --start-offset 0
      transactions find-hanging --topic ${topic.name} --max-transaction-timeout 0
    `,
      { without: ["ProducerId", "LastTimestamp", "Duration(min)"] },
    );
  },
};
