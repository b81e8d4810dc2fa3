/**
 * A series of `kill -9` in one folder: idempotent producers write to topics that are kept, deleted early and compacted, in
 * small segments; a group reads and commits; the broker is killed again and again, under load, in its start, in its stop.
 * After each kill all that is there is read and held against what was acknowledged and shown (`kill_ledger.ts`).
 */

import { BrokerProcess, pause, type Target, target as environmentTarget, until, withTimeout } from "./broker.ts";
import { KillConsumer } from "./kill_consumer.ts";
import { PartitionLedger } from "./kill_ledger.ts";
import { isPassing, KillProducer } from "./kill_producer.ts";
import { drawSettings, type TopicToMake } from "./kill_settings.ts";
import { TransactionLedger } from "./kill_transaction_ledger.ts";
import { verifyTransactions } from "./kill_transaction_verify.ts";
import { KillTransactor } from "./kill_transactor.ts";
import { type Verified, verify } from "./kill_verify.ts";
import { createPrng } from "./prng.ts";
import { createTopic, endOffset } from "./requests.ts";
import { TestClient } from "./test_client.ts";

export interface KillSeriesOptions {
  readonly seed: number;
  readonly roundCount: number;
  readonly target?: Target;
}

export interface KillSeriesResult extends Verified {
  readonly ackedCount: number;
  readonly killCount: number;
  /** Offsets below logs' starts: deleted by retention. */
  readonly deletedCount: number;
  readonly resentCount: number;
  readonly startedOverCount: number;
  readonly commitCount: number;
  readonly committedCount: number;
  readonly abortedCount: number;
}

/** Records acknowledged under load before a kill: no fewer, no more. */
const loadMin = 500;
const loadMax = 12_000;
/** Transactions that end before a kill, at the least: fewer than this. */
const transactionsMax = 12;
/** A start may take long on a busy machine, Kafka's all the more. */
const readyTimeoutMs = 90_000;
const loadTimeoutMs = 60_000;
/** What is under way at the end must be done in this time. */
const endTimeoutMs = 60_000;

/** @throws when anything is lost, repeated or out of order; the message has the seed */
export async function killSeries({ seed, roundCount, target }: KillSeriesOptions): Promise<KillSeriesResult> {
  const series = new KillSeries(seed, target);
  try {
    return await series.run(roundCount);
  } catch (cause) {
    const lines = series.lines.slice(-40).join("\n");
    throw new Error(`Kill series failed, SEED=${seed}: ${(cause as Error).message}\n${lines}`, { cause });
  } finally {
    await series.dispose();
  }
}

class KillSeries {
  readonly #random: () => number;
  readonly #target: Target | undefined;
  readonly #seed: number;
  #broker: BrokerProcess | null = null;
  #ledgers = new Map<string, PartitionLedger[]>();
  #transactionLedgers: TransactionLedger[] = [];
  #isBack = Promise.resolve();
  #killCount = 0;
  /** What the broker has printed, in all its lives. */
  readonly lines: string[] = [];

  constructor(seed: number, target: Target | undefined) {
    this.#seed = seed;
    this.#random = createPrng(seed);
    this.#target = target;
  }

  async run(roundCount: number): Promise<KillSeriesResult> {
    const { config, topics, transacted } = drawSettings(this.#random);
    const target = this.#target;
    const broker = this.#broker = await BrokerProcess.start({ config, readyTimeoutMs, ...(target && { target }) });
    for (const topic of topics) {
      await this.#make(broker, topic);
      const ledger = (index: number) => new PartitionLedger(`${topic.name}-${index}`, topic.rules);
      this.#ledgers.set(topic.name, Array.from({ length: topic.partitionCount }, (_, index) => ledger(index)));
    }
    for (const topic of transacted) {
      await this.#make(broker, topic);
      const { name, partitionCount } = topic;
      this.#transactionLedgers.push(new TransactionLedger({ name: `writer-of-${name}`, topic: name, partitionCount }));
    }
    await this.#leads(broker);
    const { port } = broker;
    const brokerIsBack = () => this.#isBack;
    const producers = topics.map(({ name, acks, keyCount, recordsPerBatchMax }, index) =>
      new KillProducer({
        port,
        topic: name,
        ledgers: this.#ledgers.get(name)!,
        random: createPrng(this.#seed + 1 + index),
        acks,
        keyCount,
        recordsPerBatchMax,
        brokerIsBack,
      })
    );
    const transactors = transacted.map(({ isNew }, index) =>
      new KillTransactor({
        port,
        ledger: this.#transactionLedgers[index]!,
        random: createPrng(this.#seed + 101 + index),
        isNew,
        brokerIsBack,
      })
    );
    const consumer = new KillConsumer({ port, group: "kill-group", ledgers: this.#ledgers, brokerIsBack });
    const writers = [...producers, ...transactors];
    const writing = Promise.all(writers.map((writer) => writer.run()));
    const reading = consumer.run();
    let hasFailed = false;
    for (const work of [writing, reading]) work.catch(() => hasFailed = true);

    for (let round = 0; round < roundCount && !hasFailed; round++) {
      const from = this.#ackedCount();
      const wanted = loadMin + Math.floor(this.#random() ** 2 * (loadMax - loadMin));
      const commits = consumer.commitCount + (this.#random() < 0.5 ? 1 : 0);
      const ended = this.#endedCount() + Math.floor(this.#random() * transactionsMax);
      const isLoaded = () =>
        this.#ackedCount() - from >= wanted && consumer.commitCount >= commits && this.#endedCount() >= ended;
      await until(() => hasFailed || isLoaded(), {
        timeoutMs: loadTimeoutMs,
        what: `Load of ${wanted} records, a commit, and transactions`,
      });
      if (hasFailed) break;
      this.#isBack = this.#killAndLook(broker);
      this.#isBack.catch(() => {}); // whoever waits for it sees it
      await this.#isBack;
    }
    for (const writer of writers) writer.end();
    await withTimeout(writing, endTimeoutMs, () => "Producers do not come to their end");
    consumer.end();
    await withTimeout(reading, endTimeoutMs, () => `The group does not come to its end: ${consumer.trouble}`);
    const verified = await this.#compacted(port);
    for (const ledger of this.#transactionLedgers) await verifyTransactions(port, ledger);
    const sum = (count: (producer: KillProducer) => number) =>
      producers.reduce((total, producer) => total + count(producer), 0);
    return {
      ...verified,
      ackedCount: this.#ackedCount(),
      killCount: this.#killCount,
      deletedCount: this.#sum(({ startOffset }) => startOffset),
      resentCount: sum(({ resentCount }) => resentCount),
      startedOverCount: sum(({ startedOverCount }) => startedOverCount),
      commitCount: consumer.commitCount,
      committedCount: this.#transactionLedgers.reduce((total, { committedCount }) => total + committedCount, 0),
      abortedCount: this.#transactionLedgers.reduce((total, { abortedCount }) => total + abortedCount, 0),
    };
  }

  async dispose(): Promise<void> {
    await this.#broker?.dispose();
  }

  /** Kills the broker one way or another, starts it, and looks at all there is before anybody goes on. */
  async #killAndLook(broker: BrokerProcess): Promise<void> {
    if (this.#random() < 0.15) {
      broker.signal("SIGTERM");
      await pause(this.#random() * 20);
    }
    await this.#kill(broker);
    while (this.#random() < 0.2) {
      broker.spawn();
      await pause(this.#random() * 150);
      await this.#kill(broker);
    }
    await broker.restart();
    await this.#leads(broker);
    await verify(broker.port, this.#ledgers);
    for (const ledger of this.#transactionLedgers) await verifyTransactions(broker.port, ledger);
  }

  /** Looks at all there is, until compaction has taken something: lives between kills may have been too short for it. */
  async #compacted(port: number): Promise<Verified> {
    let verified = await verify(port, this.#ledgers);
    const hasCompacted = async () => {
      if (verified.missingCount === 0) verified = await verify(port, this.#ledgers);
      return verified.missingCount > 0;
    };
    await until(hasCompacted, { timeoutMs: endTimeoutMs, what: "A look at logs that misses a compacted record" });
    return verified;
  }

  async #kill(broker: BrokerProcess): Promise<void> {
    this.#killCount++;
    await broker.kill9();
    this.lines.push(...broker.lines, `--- kill ${this.#killCount}`);
  }

  async #make({ port }: BrokerProcess, { name, partitionCount, configs }: TopicToMake): Promise<void> {
    const client = await TestClient.connect(port);
    const { "flush.policy": policy, ...common } = configs; // Kafka does not know it.
    const isKafka = (this.#target ?? environmentTarget) === "kafka";
    await createTopic(client, {
      name,
      partitionCount,
      configs: isKafka ? common : { ...common, "flush.policy": policy },
    });
    client.close();
  }

  /** Resolves when every partition is served, which with Kafka takes a while longer than answering. */
  async #leads({ port }: BrokerProcess): Promise<void> {
    const client = await TestClient.connect(port);
    const isServed = (topic: string, partition: number) =>
      endOffset(client, { topic, partition }).then(() => true, (error) => {
        if (isPassing(error)) return false;
        throw error;
      });
    const topics = [
      ...Array.from(this.#ledgers, ([topic, { length: partitionCount }]) => ({ topic, partitionCount })),
      ...this.#transactionLedgers,
    ];
    for (const { topic, partitionCount } of topics) {
      for (let partition = 0; partition < partitionCount; partition++) {
        const what = `A leader of ${topic}-${partition}`;
        await until(() => isServed(topic, partition), { timeoutMs: readyTimeoutMs, what });
      }
    }
    client.close();
  }

  #ackedCount(): number {
    return this.#sum(({ ackedCount }) => ackedCount);
  }

  #endedCount(): number {
    return this.#transactionLedgers.reduce((total, ledger) => total + ledger.committedCount + ledger.abortedCount, 0);
  }

  #sum(count: (ledger: PartitionLedger) => number): number {
    let total = 0;
    for (const ledgers of this.#ledgers.values()) for (const ledger of ledgers) total += count(ledger);
    return total;
  }
}
