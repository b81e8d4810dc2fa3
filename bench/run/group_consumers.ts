/** Consumers in groups of one member each, in this process: where the program of bench/limit cannot be built. */

import { wholeBatches } from "../../protocol/batch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { AnsweredError } from "../../tests/support/requests.ts";
import { TestClient } from "../../tests/support/test_client.ts";
import { fetchAll } from "../load.ts";
import type { Following, GroupLoad } from "../load_generator.ts";
import { beat, commitAll, findTheCoordinator, joinWithAll, leave, type Member } from "../partitions/group.ts";

const fetchBytes = 2 ** 20;
const commitPeriodMs = 500;

/** Of one group. */
interface Reader {
  readonly client: TestClient;
  /** Another connection, as Java's consumer has one to its coordinator. */
  readonly coordinator: TestClient;
  readonly member: Member;
  readonly offsets: number[];
}

/** Resolves when all have joined. */
export async function followInGroups(load: GroupLoad): Promise<Following> {
  const readers = await Promise.all(Array.from({ length: load.groupCount }, (_, index) => join(load, index)));
  let startMs = Infinity;
  const follow = async (reader: Reader) => {
    const { client, coordinator, member, offsets } = reader;
    const commit = () => commitAll(coordinator, member, [load], (partition) => offsets[partition]!);
    let bytes = 0;
    let records = 0;
    let committedMs = performance.now();
    while (bytes < load.totalBytes) {
      for (const fetched of await fetchAll(client, { topic: load.name, offsets, fetchBytes })) {
        if (fetched.errorCode !== ErrorCode.NONE) {
          throw new AnsweredError(fetched.errorCode, `Cannot fetch from ${load.name}`);
        }
        for (const { nextOffset, sizeBytes, recordCount } of wholeBatches(fetched.records ?? new Uint8Array(0))) {
          startMs = Math.min(startMs, performance.now());
          offsets[fetched.partitionIndex] = nextOffset;
          bytes += sizeBytes;
          records += recordCount;
        }
      }
      if (performance.now() - committedMs < commitPeriodMs) continue;
      committedMs = performance.now();
      await commit();
      await beat(coordinator, member);
    }
    const endMs = performance.now();
    await commit();
    await leave(coordinator, member);
    for (const one of [client, coordinator]) one.close();
    return { bytes, records, endMs };
  };
  const done = Promise.all(readers.map(follow)).then((read) => ({
    bytes: read.reduce((sum, { bytes }) => sum + bytes, 0),
    records: read.reduce((sum, { records }) => sum + records, 0),
    seconds: (Math.max(...read.map(({ endMs }) => endMs)) - startMs) / 1000,
  }));
  return { done };
}

async function join({ port, name, partitionCount, groupStem }: GroupLoad, index: number): Promise<Reader> {
  const [client, coordinator] = await Promise.all([TestClient.connect(port), TestClient.connect(port)]);
  const groupId = `${groupStem}-${index}`;
  await findTheCoordinator(coordinator, groupId);
  const member = await joinWithAll(coordinator, groupId, [{ name, partitionCount }]);
  return { client, coordinator, member, offsets: new Array<number>(partitionCount).fill(0) };
}
