/**
 * What partitions cost: bun bench/partitions.ts [--partitions 1000] [--topics 1000] [--target bun,deno,exe]
 *
 * Makes a topic of many partitions and many topics of one, asking on another connection all the while to see how long the
 * broker lets others wait; writes a record to every partition; starts the broker again, after a shutdown in order and after
 * a kill -9, up to the first answer to ApiVersions; deletes all. Fails when a start after a shutdown takes over a second.
 */

import { parseArgs } from "node:util";
import { apiVersions } from "../protocol/api/18_api_versions.ts";
import { createTopics } from "../protocol/api/19_create_topics.ts";
import { deleteTopics } from "../protocol/api/20_delete_topics.ts";
import { ZERO_UUID } from "../protocol/schema.ts";
import { BrokerProcess, type Target } from "../tests/support/broker.ts";
import { produceValues } from "../tests/support/requests.ts";
import { TestClient } from "../tests/support/test_client.ts";
import { type Figure, record } from "./results.ts";

const startMsMax = 1_000;
/** Topics of one request, as a tool that makes many sends them. */
const topicsPerRequest = 100;

const { values } = parseArgs({
  options: {
    partitions: { type: "string", default: "1000" },
    topics: { type: "string", default: "1000" },
    target: { type: "string", default: "bun,deno,exe" },
  },
});

let isGood = true;
for (const target of values.target.split(",") as Target[]) {
  const figures = await measure(target, Number(values.partitions), Number(values.topics));
  record(figures);
  if (figures.some(({ row, value }) => row.includes("start in order") && value > startMsMax)) isGood = false;
}
if (!isGood) console.log("FAIL: over the limit");
process.exit(isGood ? 0 : 1);

async function measure(target: Target, partitionCount: number, topicCount: number): Promise<Figure[]> {
  const broker = await BrokerProcess.start({ target, readyTimeoutMs: 120_000 });
  const figures: Figure[] = [];
  const note = (what: string, value: number, unit: string) => {
    figures.push({ runtime: target, rival: null, row: `partitions: ${what}`, value, unit });
  };
  try {
    const startBytes = broker.memory().ownBytes;
    const client = await TestClient.connect(broker.port);
    const wide = await whileAsking(
      broker.port,
      () => create(client, [{ name: "wide", numPartitions: partitionCount }]),
    );
    note(`make a topic of ${partitionCount}`, wide.tookMs, "ms");
    note(`others wait at most, topic of ${partitionCount}`, wide.longestMs, "ms");
    const tiny = await whileAsking(broker.port, async () => {
      for (let first = 0; first < topicCount; first += topicsPerRequest) {
        const count = Math.min(topicsPerRequest, topicCount - first);
        await create(client, Array.from({ length: count }, (_, at) => ({ name: `t${first + at}`, numPartitions: 1 })));
      }
    });
    note(`make ${topicCount} topics of one`, tiny.tookMs, "ms");
    note(`others wait at most, ${topicCount} topics`, tiny.longestMs, "ms");
    const total = partitionCount + topicCount;
    note(`own memory of ${total} idle`, (broker.memory().ownBytes - startBytes) / 1e6, "MB");

    const written = await timed(() => writeToEach(client, "wide", partitionCount));
    note(`first record to each of ${partitionCount}`, written, "ms");
    client.close();
    await broker.stop();
    await broker.restart();
    note(`start in order, ${total}`, broker.readyMs, "ms");
    note(`own memory of ${total} after a start`, broker.memory().ownBytes / 1e6, "MB");
    const second = await TestClient.connect(broker.port);
    await writeToEach(second, "wide", partitionCount);
    second.close();
    await broker.kill9();
    await broker.restart();
    note(`start after kill -9, ${total}`, broker.readyMs, "ms");
    const third = await TestClient.connect(broker.port);
    const gone = await whileAsking(broker.port, () => remove(third, ["wide"]));
    note(`delete a topic of ${partitionCount}`, gone.tookMs, "ms");
    note(`others wait at most, deleting ${partitionCount}`, gone.longestMs, "ms");
    const rest = Array.from({ length: topicCount }, (_, at) => `t${at}`);
    note(`delete ${topicCount} topics of one`, await timed(() => remove(third, rest)), "ms");
    third.close();
    return figures;
  } finally {
    await broker.dispose();
  }
}

async function create(client: TestClient, topics: { name: string; numPartitions: number }[]): Promise<void> {
  const drafts = topics.map((topic) => ({ ...topic, replicationFactor: 1, assignments: [], configs: [] }));
  const answer = await client.send(createTopics, 7, { topics: drafts, timeoutMs: 60_000, validateOnly: false }, {
    timeoutMs: 120_000,
  });
  for (const { name, errorCode } of answer.topics) {
    if (errorCode !== 0) throw new Error(`Cannot make topic "${name}": error ${errorCode}`);
  }
}

async function remove(client: TestClient, names: readonly string[]): Promise<void> {
  for (let first = 0; first < names.length; first += topicsPerRequest) {
    const topics = names.slice(first, first + topicsPerRequest).map((name) => ({ name, topicId: ZERO_UUID }));
    const answer = await client.send(deleteTopics, 6, { topics, timeoutMs: 60_000 }, { timeoutMs: 120_000 });
    for (const { name, errorCode } of answer.responses) {
      if (errorCode !== 0) throw new Error(`Cannot delete topic "${name}": error ${errorCode}`);
    }
  }
}

/** A record to every partition, with acks=all, all at once. */
async function writeToEach(client: TestClient, topic: string, partitionCount: number): Promise<void> {
  const answers = Array.from(
    { length: partitionCount },
    (_, partition) => produceValues(client, { topic, partition }, ["x"]),
  );
  await Promise.all(answers);
}

/** Runs `work` while another client asks and asks; tells how long its longest answer took. */
async function whileAsking(port: number, work: () => Promise<void>): Promise<{ tookMs: number; longestMs: number }> {
  const other = await TestClient.connect(port);
  let isOver = false;
  let longestMs = 0;
  const asking = (async () => {
    while (!isOver) longestMs = Math.max(longestMs, await timed(() => other.send(apiVersions, 0, {})));
  })();
  const tookMs = await timed(work);
  isOver = true;
  await asking;
  other.close();
  return { tookMs, longestMs };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}
