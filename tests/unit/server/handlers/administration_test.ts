import { afterEach, describe, expect, test } from "bun:test";
import { produce } from "../../../../protocol/api/00_produce.ts";
import { fetch } from "../../../../protocol/api/01_fetch.ts";
import { metadata } from "../../../../protocol/api/03_metadata.ts";
import { createTopics } from "../../../../protocol/api/19_create_topics.ts";
import { alterReplicaLogDirs } from "../../../../protocol/api/34_alter_replica_log_dirs.ts";
import { electLeaders } from "../../../../protocol/api/43_elect_leaders.ts";
import { alterPartitionReassignments } from "../../../../protocol/api/45_alter_partition_reassignments.ts";
import { describeUserScramCredentials } from "../../../../protocol/api/50_describe_user_scram_credentials.ts";
import { alterUserScramCredentials } from "../../../../protocol/api/51_alter_user_scram_credentials.ts";
import { describeQuorum } from "../../../../protocol/api/55_describe_quorum.ts";
import { unregisterBroker } from "../../../../protocol/api/64_unregister_broker.ts";
import { addRaftVoter } from "../../../../protocol/api/80_add_raft_voter.ts";
import { removeRaftVoter } from "../../../../protocol/api/81_remove_raft_voter.ts";
import { unregisterController } from "../../../../protocol/api/94_unregister_controller.ts";
import { wholeBatches } from "../../../../protocol/batch.ts";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { encodeBatch } from "../../../../protocol/record.ts";
import { changesPerRequestMax } from "../../../../server/cluster/planned.ts";
import { createLogger } from "../../../../server/log.ts";
import { MemoryBroker, type MemoryClient } from "../../../support/memory_broker.ts";

const running: MemoryBroker[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

async function start(options: Parameters<typeof MemoryBroker.start>[0] = {}): Promise<[MemoryBroker, MemoryClient]> {
  const server = await MemoryBroker.start(options);
  running.push(server);
  return [server, await server.connect()];
}

/** A topic of one partition of which the metadata say that this was not its leader, nor in sync, nor alone. */
async function leaderless(server: MemoryBroker, client: MemoryClient, name: string): Promise<void> {
  await client.send(createTopics, 7, {
    topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
  });
  const { id: topicId } = server.broker.cluster.topic(name)!;
  const change = {
    kind: "partitionChange",
    partitionId: 0,
    topicId,
    leader: -1,
    replicas: [77, 1],
    isr: [77],
  } as const;
  await server.runtime.until(server.broker.cluster.change(() => ({ records: [change], outcome: null })));
}

async function leaderOf(client: MemoryClient, name: string) {
  const { topics } = await client.send(metadata, 9, { topics: [{ name }] });
  const { leaderId, leaderEpoch, isrNodes } = topics[0]!.partitions[0]!;
  return { leaderId, leaderEpoch, isrNodes };
}

describe("ElectLeaders", () => {
  test("makes a broker that was behind lead, in an epoch that its records bear", async () => {
    const [server, client] = await start({ overrides: { "node.id": "1" } });
    await leaderless(server, client, "events");
    expect((await leaderOf(client, "events")).leaderId).toBe(-1);
    const topicPartitions = [{ topic: "events", partitions: [0] }];
    const preferred = await client.send(electLeaders, 2, { electionType: 0, topicPartitions });
    expect(preferred.replicaElectionResults[0]!.partitionResult[0]!.errorCode).toBe(
      ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE,
    );
    const unclean = await client.send(electLeaders, 2, { electionType: 1, topicPartitions });
    expect(unclean.replicaElectionResults).toEqual([
      { topic: "events", partitionResult: [{ partitionId: 0, errorCode: ErrorCode.NONE, errorMessage: null }] },
    ]);
    const { leaderId, leaderEpoch, isrNodes } = await leaderOf(client, "events");
    expect([leaderId, isrNodes]).toEqual([1, [1]]);
    const records = encodeBatch({ records: [{ value: new Uint8Array([1]) }] });
    const topicData = [{ name: "events", partitionData: [{ index: 0, records }] }];
    const { responses } = await client.send(produce, 9, { acks: -1, timeoutMs: 1_000, topicData });
    expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(ErrorCode.NONE);
    const read = await client.send(fetch, 11, {
      ...{ maxWaitMs: 0, minBytes: 0, forgottenTopicsData: [] },
      topics: [{ topic: "events", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000 }] }],
    });
    const [batch] = [...wholeBatches(read.responses[0]!.partitions[0]!.records!)];
    expect([batch!.partitionLeaderEpoch, leaderEpoch > 0]).toEqual([leaderEpoch, true]);
  });

  test("is not begun without time", async () => {
    const [, client] = await start();
    const topicPartitions = [{ topic: "events", partitions: [0] }];
    const late = await client.send(electLeaders, 1, { electionType: 0, topicPartitions, timeoutMs: 0 });
    expect(late.errorCode).toBe(ErrorCode.REQUEST_TIMED_OUT);
    expect(late.replicaElectionResults[0]!.partitionResult[0]!.errorCode).toBe(ErrorCode.REQUEST_TIMED_OUT);
  });

  test("of more partitions than one request may change is refused without a word on each", async () => {
    const [, client] = await start();
    const asked = (count: number) => ({
      electionType: 0,
      topicPartitions: [{ topic: "events", partitions: Array.from({ length: count }, (_, index) => index) }],
    });
    const most = await client.send(electLeaders, 2, asked(changesPerRequestMax));
    expect([most.errorCode, most.replicaElectionResults[0]!.partitionResult.length]).toEqual([0, changesPerRequestMax]);
    const refused = await client.send(electLeaders, 2, asked(changesPerRequestMax + 1));
    expect([refused.errorCode, refused.replicaElectionResults]).toEqual([ErrorCode.POLICY_VIOLATION, []]);
    await expect(client.send(electLeaders, 0, asked(changesPerRequestMax + 1))).rejects.toThrow("closed");
  });
});

describe("AlterPartitionReassignments", () => {
  test("leaves this broker alone in place of it and one that is gone", async () => {
    const [server, client] = await start({ overrides: { "node.id": "1" } });
    await leaderless(server, client, "events");
    await client.send(electLeaders, 2, { electionType: 1, topicPartitions: null });
    const topics = [{ name: "events", partitions: [{ partitionIndex: 0, replicas: [1] }] }];
    const refused = await client.send(alterPartitionReassignments, 1, { topics, allowReplicationFactorChange: false });
    expect(refused.responses[0]!.partitions[0]!.errorCode).toBe(ErrorCode.INVALID_REPLICATION_FACTOR);
    const done = await client.send(alterPartitionReassignments, 0, { topics });
    expect(done.responses[0]!.partitions[0]!.errorCode).toBe(ErrorCode.NONE);
    expect(server.broker.cluster.topic("events")!.partitions[0]!.replicas).toEqual([1]);
  });
});

describe("AlterUserScramCredentials", () => {
  test("of more users than one request may change is refused for each", async () => {
    const [server, client] = await start();
    const upsertions = Array.from({ length: changesPerRequestMax }, (_, index) => ({
      name: `u${index}`,
      mechanism: 1,
      iterations: 4096,
      salt: new Uint8Array(1),
      saltedPassword: new Uint8Array(1),
    }));
    const deletions = [{ name: "one too many", mechanism: 1 }];
    const { results } = await client.send(alterUserScramCredentials, 0, { deletions, upsertions });
    expect(results).toHaveLength(changesPerRequestMax + 1);
    expect(new Set(results.map(({ errorCode }) => errorCode))).toEqual(new Set([ErrorCode.POLICY_VIOLATION]));
    expect([...server.broker.cluster.scramCredentials.users()]).toEqual([]);
  });
});

describe("DescribeQuorum", () => {
  test("tells of the one voter, where it is reached, and how far the metadata are", async () => {
    const [server, client] = await start();
    const { cluster, listeners, logDir } = server.broker;
    const topics = [{ topicName: "__cluster_metadata", partitions: [{ partitionIndex: 0 }] }];
    const answer = await client.send(describeQuorum, 2, { topics });
    const [partition] = answer.topics[0]!.partitions;
    expect([partition!.leaderId, partition!.highWatermark, partition!.observers]).toEqual([
      cluster.nodeId,
      cluster.version,
      [],
    ]);
    const nowMs = server.runtime.clock.nowMs();
    expect(partition!.currentVoters).toEqual([{
      replicaId: cluster.nodeId,
      replicaDirectoryId: logDir.meta.directoryId,
      logEndOffset: cluster.version,
      lastFetchTimestamp: nowMs,
      lastCaughtUpTimestamp: nowMs,
    }]);
    const { name, advertisedHost: host, advertisedPort: port } = listeners[0]!;
    expect(answer.nodes).toEqual([{ nodeId: cluster.nodeId, listeners: [{ name, host, port }] }]);
  });

  test("tells of a voter that cannot be removed, nor added again, and is in service", async () => {
    const [server, client] = await start();
    const { id: voterId, directoryId: voterDirectoryId } = server.broker.voter;
    const listeners = [{ name: "CONTROLLER", host: "localhost", port: 1 }];
    const voter = { clusterId: null, voterId, voterDirectoryId };
    expect((await client.send(addRaftVoter, 1, { ...voter, timeoutMs: 1, listeners })).errorCode).toBe(
      ErrorCode.DUPLICATE_VOTER,
    );
    expect((await client.send(removeRaftVoter, 0, voter)).errorCode).toBe(ErrorCode.VOTER_NOT_FOUND);
    expect((await client.send(unregisterBroker, 0, { brokerId: voterId })).errorCode).toBe(ErrorCode.INVALID_REQUEST);
    expect((await client.send(unregisterController, 0, { controllerId: voterId })).errorCode).toBe(
      ErrorCode.INVALID_REQUEST,
    );
  });
});

describe("AlterReplicaLogDirs", () => {
  test("takes of a partition named twice the last folder", async () => {
    const [server, client] = await start();
    await leaderless(server, client, "events");
    const topics = [{ name: "events", partitions: [0] }];
    const own = { path: server.broker.logDir.path, topics };
    const move = async (...dirs: { path: string; topics: typeof topics }[]) => {
      const { results } = await client.send(alterReplicaLogDirs, 2, { dirs });
      return results.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
    };
    expect(await move({ path: "/nowhere", topics }, own)).toEqual([ErrorCode.NONE]);
    expect(await move(own, { path: "/nowhere", topics })).toEqual([ErrorCode.LOG_DIR_NOT_FOUND]);
  });
});

describe("SCRAM credentials", () => {
  test("outlive the broker, and are logged without their keys", async () => {
    const lines: string[] = [];
    const [server, client] = await start();
    const { runtime } = server;
    const logger = createLogger(runtime, { level: "debug", write: (line) => lines.push(line) });
    await server.stop();
    const [second, secondClient] = await start({ runtime, logger });
    expect(client.isClosed).toBe(true);
    const secret = { salt: new Uint8Array(16).fill(200), saltedPassword: new Uint8Array(32).fill(201) };
    const upsertions = [{ name: "ann", mechanism: 1, iterations: 4096, ...secret }];
    await secondClient.send(alterUserScramCredentials, 0, { deletions: [], upsertions });
    await second.stop();
    const [, thirdClient] = await start({ runtime, logger });
    const { results } = await thirdClient.send(describeUserScramCredentials, 0, { users: [] });
    expect(results).toEqual([
      { user: "ann", errorCode: 0, errorMessage: "", credentialInfos: [{ mechanism: 1, iterations: 4096 }] },
    ]);
    expect(lines.filter((line) => line.includes("ann"))).toHaveLength(1);
    expect(lines.find((line) => line.includes("credential set"))).toContain("user=ann mechanism=1");
  });
});
