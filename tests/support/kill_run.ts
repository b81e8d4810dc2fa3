/**
 * One run of the kill test: records into a topic with acks=all by an idempotent producer, a group reading and committing at
 * the same time, `kill -9` somewhere in the middle, once or twice, and the count of everything afterwards.
 */

import { BrokerProcess, type Target, until } from "./broker.ts";
import { checkBatch, KillConsumer } from "./kill_consumer.ts";
import { KillProducer } from "./kill_producer.ts";
import { createPrng } from "./prng.ts";
import { createTopic, endOffset, fetchBatches } from "./requests.ts";
import { TestClient } from "./test_client.ts";

export interface KillRunOptions {
  readonly seed: number;
  readonly recordCount?: number;
  readonly target?: Target;
}

const topic = "killed";
const partitionCount = 12;
/** Segments from a few batches to all in one: a kill near a roll is another case than one far from any. */
const segmentBytes = [1024 * 1024, 8 * 1024 * 1024, 1024 * 1024 * 1024];

/** @returns one line about what happened; throws when anything is lost, repeated or out of order */
export async function killRun({ seed, recordCount = 1_000_000, target }: KillRunOptions): Promise<string> {
  const random = createPrng(seed);
  const recordsPerPartition = Math.ceil(recordCount / partitionCount);
  const total = recordsPerPartition * partitionCount;
  const broker = await BrokerProcess.start({
    config: { "group.initial.rebalance.delay.ms": 0, "offsets.topic.num.partitions": 5 },
    ...(target && { target }),
  });
  let isBack = Promise.resolve();
  const options = { port: broker.port, topic, partitionCount, recordsPerPartition, brokerIsBack: () => isBack };
  try {
    const client = await TestClient.connect(broker.port);
    const bytes = segmentBytes[Math.floor(random() * segmentBytes.length)] as number;
    await createTopic(client, { name: topic, partitionCount, configs: { "segment.bytes": String(bytes) } });
    client.close();

    const producer = new KillProducer({ ...options, random: createPrng(seed + 1) });
    const consumer = new KillConsumer({ ...options, group: "kill-group" });
    const work = Promise.all([producer.run(), consumer.run()]);
    let hasFailed = false;
    work.catch(() => hasFailed = true);

    const kills: number[] = [];
    for (let left = random() < 0.5 ? 1 : 2; left > 0; left--) {
      const done = producer.acknowledgedCount;
      const at = done + Math.floor((total - done) * (0.1 + random() * 0.7));
      await until(() => hasFailed || producer.acknowledgedCount >= at, {
        timeoutMs: 120_000,
        what: "The point of the kill",
      });
      if (hasFailed) break;
      kills.push(producer.acknowledgedCount);
      isBack = broker.kill9().then(() => broker.restart());
      isBack.catch(() => {}); // whoever waits for it sees it
      await isBack;
    }
    await work;
    await verify(broker.port, recordsPerPartition);
    return `${total} records, killed at ${
      kills.join(" and ")
    }, ${producer.resentCount} requests resent, segments of ${bytes} bytes`;
  } catch (cause) {
    throw new Error(`Kill test failed, SEED=${seed}\n${broker.lines.slice(-20).join("\n")}`, { cause });
  } finally {
    await broker.dispose();
  }
}

/** Reads the topic from its start: each partition holds its records, each once, in order, and no more. */
async function verify(port: number, recordsPerPartition: number): Promise<void> {
  const client = await TestClient.connect(port);
  for (let partition = 0; partition < partitionCount; partition++) {
    const end = await endOffset(client, { topic, partition });
    if (end !== recordsPerPartition) {
      throw new Error(`${topic}-${partition} ends at ${end}, not ${recordsPerPartition}`);
    }
    for (let next = 0; next < end;) {
      const { batches } = await fetchBatches(client, { topic, partition }, next);
      if (batches.length === 0) throw new Error(`${topic}-${partition} gives nothing at ${next} of ${end}`);
      for (const batch of batches) next = checkBatch(batch, partition, next);
    }
  }
  client.close();
}
