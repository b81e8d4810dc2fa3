import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createTopics } from "../../../../protocol/api/19_create_topics.ts";
import { fetch, type FetchResponse } from "../../../../protocol/api/01_fetch.ts";
import { metadata } from "../../../../protocol/api/03_metadata.ts";
import { produce } from "../../../../protocol/api/00_produce.ts";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { encodeBatch } from "../../../../protocol/record.ts";
import { MemoryBroker, type MemoryClient } from "../../../support/memory_broker.ts";

let server: MemoryBroker;
let client: MemoryClient;

beforeAll(async () => {
  server = await MemoryBroker.start();
  client = await server.connect();
  await client.send(createTopics, 7, {
    topics: [{ name: "events", numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }],
  });
});

afterAll(() => server.stop());

async function ask(
  session: { id: number; epoch: number },
  partitions: readonly { partition: number; fetchOffset: number; lastFetchedEpoch?: number }[],
  { forgotten = [], isolationLevel = 0 }: { forgotten?: readonly number[]; isolationLevel?: number } = {},
): Promise<FetchResponse> {
  return await client.send(fetch, 12, {
    maxWaitMs: 0,
    minBytes: 0,
    isolationLevel,
    sessionId: session.id,
    sessionEpoch: session.epoch,
    topics: [{ topic: "events", partitions: partitions.map((one) => ({ ...one, partitionMaxBytes: 10_000 })) }],
    forgottenTopicsData: forgotten.length === 0 ? [] : [{ topic: "events", partitions: forgotten }],
  });
}

const indexesOf = ({ responses }: FetchResponse) =>
  responses.flatMap(({ partitions }) => partitions.map(({ partitionIndex }) => partitionIndex));

describe("Fetch sessions", () => {
  test("leave out in their second answer what the first has said", async () => {
    const { sessionId: id } = await ask({ id: 0, epoch: 0 }, [
      { partition: 0, fetchOffset: 0 },
      { partition: 1, fetchOffset: 0 },
    ]);
    expect(indexesOf(await ask({ id, epoch: 1 }, []))).toEqual([]);
    const records = encodeBatch({ records: [{ value: new Uint8Array(1), timestamp: 1_700_000_000_000 }] });
    const topicData = [{ name: "events", partitionData: [{ index: 1, records }] }];
    await client.send(produce, 9, { acks: -1, timeoutMs: 1_000, topicData });
    expect(indexesOf(await ask({ id, epoch: 2 }, []))).toEqual([1]);
  });

  test("may begin with nothing, and end when nothing is left of them", async () => {
    const { sessionId: id } = await ask({ id: 0, epoch: 0 }, []);
    expect(id).not.toBe(0);
    expect(indexesOf(await ask({ id, epoch: 1 }, [{ partition: 0, fetchOffset: 0 }]))).toEqual([0]);
    expect((await ask({ id, epoch: 2 }, [], { forgotten: [0] })).sessionId).toBe(0);
    expect((await ask({ id, epoch: 3 }, [])).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
  });
});

describe("Fetch", () => {
  test("answers what is not here behind what is", async () => {
    const answer = await ask({ id: 0, epoch: -1 }, [{ partition: 7, fetchOffset: 0 }, {
      partition: 0,
      fetchOffset: 0,
    }]);
    expect(indexesOf(answer)).toEqual([0, 7]);
  });

  test("tells a follower, of which there are none, who leads", async () => {
    const { topicId } = (await client.send(metadata, 12, { topics: [{ name: "events" }] })).topics[0]!;
    const { responses } = await client.send(fetch, 16, {
      maxWaitMs: 0,
      minBytes: 0,
      replicaState: { replicaId: 5, replicaEpoch: 1 },
      topics: [{ topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 10_000 }] }],
      forgottenTopicsData: [],
    });
    const { errorCode, currentLeader } = responses[0]!.partitions[0]!;
    expect([errorCode, currentLeader.leaderEpoch]).toEqual([ErrorCode.NOT_LEADER_OR_FOLLOWER, 0]);
    expect(currentLeader.leaderId).toBe(server.broker.cluster.nodeId);
  });

  test("refuses an isolation level that does not exist", async () => {
    const answer = await ask({ id: 0, epoch: -1 }, [{ partition: 0, fetchOffset: 0 }], { isolationLevel: 2 });
    expect(answer.errorCode).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
  });

  test("looks at the isolation level behind the session, and only where something is to be read", async () => {
    const isolationLevel = 2;
    const [zero, missing] = [{ partition: 0, fetchOffset: 0 }, { partition: 7, fetchOffset: 0 }];
    const lost = await ask({ id: 99, epoch: 5 }, [zero], { isolationLevel });
    expect(lost.errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    expect((await ask({ id: 0, epoch: -1 }, [missing], { isolationLevel })).errorCode).toBe(ErrorCode.NONE);
    const { count } = server.broker.fetchSessions;
    const refused = await ask({ id: 77, epoch: 0 }, [zero], { isolationLevel });
    expect([refused.errorCode, refused.sessionId]).toEqual([ErrorCode.UNKNOWN_SERVER_ERROR, 77]);
    expect(server.broker.fetchSessions.count).toBe(count);
  });

  test("tells clients that ask by id of an unknown isolation level once", async () => {
    const { topicId } = (await client.send(metadata, 12, { topics: [{ name: "events" }] })).topics[0]!;
    const { errorCode, responses } = await client.send(fetch, 13, {
      maxWaitMs: 0,
      minBytes: 0,
      isolationLevel: 2,
      topics: [{ topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 10_000 }] }],
      forgottenTopicsData: [],
    });
    expect([errorCode, responses]).toEqual([ErrorCode.UNKNOWN_SERVER_ERROR, []]);
  });

  test("of less than no bytes fails where there is something to read, and nowhere else", async () => {
    const records = encodeBatch({ records: [{ value: new Uint8Array(1), timestamp: 1_700_000_000_000 }] });
    const topicData = [{ name: "events", partitionData: [{ index: 1, records }] }];
    await client.send(produce, 9, { acks: -1, timeoutMs: 1_000, topicData });
    const errorOf = async (partition: number) => {
      const { responses } = await client.send(fetch, 12, {
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: -1,
        topics: [{ topic: "events", partitions: [{ partition, fetchOffset: 0, partitionMaxBytes: 10_000 }] }],
        forgottenTopicsData: [],
      });
      return responses[0]!.partitions[0]!.errorCode;
    };
    expect([await errorOf(0), await errorOf(1)]).toEqual([0, ErrorCode.UNKNOWN_SERVER_ERROR]);
  });

  test("finds a last fetched epoch from the future out of range", async () => {
    const answer = await ask({ id: 0, epoch: -1 }, [{ partition: 0, fetchOffset: 0, lastFetchedEpoch: 5 }]);
    expect(answer.responses[0]!.partitions[0]!.errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  });
});
