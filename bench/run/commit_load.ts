/** Members that commit an offset, wait for the answer, and commit the next: by a client that costs little. */

import { offsetCommit } from "../../protocol/api/08_offset_commit.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { decodeResponseFrame, encodeRequestFrame } from "../../protocol/frame.ts";
import { AnsweredError } from "../../tests/support/requests.ts";
import type { TestClient } from "../../tests/support/test_client.ts";

const version = 9;
/** Stands in the frame where the offset goes; unlike all that is around it. */
const mark = Uint8Array.of(0, 0x1f, 0x2e, 0x3d, 0x4c, 0x5b, 0x6a, 0x79);

export interface CommitLoad {
  readonly topic: string;
  /** At least one commit of each, however short. */
  readonly seconds: number;
}

export interface Commits {
  readonly count: number;
  readonly seconds: number;
  readonly latenciesMs: readonly number[];
}

export interface Committing {
  readonly client: TestClient;
  readonly groupId: string;
  readonly member: { readonly memberId: string; readonly epoch: number };
}

export async function commitFor(members: readonly Committing[], { topic, seconds }: CommitLoad): Promise<Commits> {
  const latenciesMs: number[] = [];
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  await Promise.all(members.map(async ({ client, groupId, member }) => {
    const frame = commitFrame(topic, groupId, member);
    const view = new DataView(frame.buffer, frame.byteOffset);
    const position = Buffer.from(frame.buffer, frame.byteOffset, frame.length).indexOf(mark);
    let offset = 0;
    do {
      view.setBigInt64(position, BigInt(offset++));
      const sentMs = performance.now();
      client.sendBytes(frame.slice());
      const payload = await client.nextFrame();
      latenciesMs.push(performance.now() - sentMs);
      const { response } = decodeResponseFrame(offsetCommit, version, payload);
      const errorCode = response.topics[0]?.partitions[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
      if (errorCode !== ErrorCode.NONE) throw new AnsweredError(errorCode, `Cannot commit in "${groupId}"`);
    } while (performance.now() < endMs);
  }));
  return { count: latenciesMs.length, seconds: (performance.now() - startMs) / 1000, latenciesMs };
}

function commitFrame(topic: string, groupId: string, { memberId, epoch }: Committing["member"]): Uint8Array {
  const committedOffset = Number(new DataView(mark.buffer).getBigInt64(0));
  const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: "" }];
  return Uint8Array.from(Buffer.concat(encodeRequestFrame(offsetCommit, version, 1, "bench", {
    groupId,
    generationIdOrMemberEpoch: epoch,
    memberId,
    topics: [{ name: topic, partitions }],
  })));
}
