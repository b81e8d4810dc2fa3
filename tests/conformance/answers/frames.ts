/** Under the messages: headers, versions and bytes that are not as they should be, and ApiVersions, which must answer all. */

import { joined } from "../../../protocol/bytes.ts";
import { apiVersions, type ApiVersionsResponse } from "../../../protocol/api/18_api_versions.ts";
import { codecFor } from "../../../protocol/codec.ts";
import { describeCluster } from "../../../protocol/api/60_describe_cluster.ts";
import { describeGroups } from "../../../protocol/api/15_describe_groups.ts";
import { fetch } from "../../../protocol/api/01_fetch.ts";
import { heartbeat } from "../../../protocol/api/12_heartbeat.ts";
import { initProducerId } from "../../../protocol/api/22_init_producer_id.ts";
import { joinGroup } from "../../../protocol/api/11_join_group.ts";
import { listGroups } from "../../../protocol/api/16_list_groups.ts";
import { listOffsets } from "../../../protocol/api/02_list_offsets.ts";
import { metadata } from "../../../protocol/api/03_metadata.ts";
import { offsetFetch } from "../../../protocol/api/09_offset_fetch.ts";
import { produce } from "../../../protocol/api/00_produce.ts";
import { encodeRequestFrame } from "../../../protocol/frame.ts";
import type { Api } from "../../../protocol/schema.ts";
import { Reader } from "../../../protocol/wire.ts";
import type { Dialogue } from "../../support/dialogue.ts";

const software = { clientSoftwareName: "weir-tests", clientSoftwareVersion: "1.0" };

export async function framesAnswers(dialogue: Dialogue): Promise<void> {
  await versions(dialogue);
  await headers(dialogue);
  await oddBytes(dialogue);
}

/** Which APIs there are differs; that the answer is one does not. */
const outcome = {
  view: ({ errorCode, apiKeys, finalizedFeaturesEpoch }: ApiVersionsResponse) => ({
    errorCode,
    own: apiKeys.filter(({ apiKey }) => apiKey === apiVersions.key),
    hasAll: apiKeys.length > 20,
    hasFeatures: finalizedFeaturesEpoch >= 0,
  }),
};

async function versions(dialogue: Dialogue): Promise<void> {
  await dialogue.askEach("api versions", apiVersions, [0, 5], () => software, outcome);
  const names: Record<string, Partial<typeof software>> = {
    "an empty name": { clientSoftwareName: "" },
    "an empty version": { clientSoftwareVersion: "" },
    "a name with a space": { clientSoftwareName: "a b" },
    "a name with an underscore": { clientSoftwareName: "a_b" },
    "a name with a hyphen at its end": { clientSoftwareName: "a-" },
    "a name with a dot in front": { clientSoftwareName: ".a" },
    "a name with all that is allowed": { clientSoftwareName: "a-B.9" },
    "a name of one letter": { clientSoftwareName: "a" },
    "a version with a plus": { clientSoftwareVersion: "1.0+x" },
    "a name with a letter that is not of ASCII": { clientSoftwareName: "ä" },
  };
  for (const [label, more] of Object.entries(names)) {
    await dialogue.askEach(`api versions: ${label}`, apiVersions, [3, 5], () => ({ ...software, ...more }), outcome);
  }
  const client = await dialogue.main();
  const { clusterId } = await client.send(metadata, 2, { topics: [] });
  const { brokers } = await client.send(metadata, 2, { topics: [] });
  const nodeId = brokers[0]?.nodeId ?? -1;
  const targets = {
    "this cluster and node": { clusterId, nodeId },
    "this cluster": { clusterId },
    "this node": { nodeId },
    "another cluster": { clusterId: "another", nodeId },
    "another node": { clusterId, nodeId: nodeId + 50 },
    "an empty cluster": { clusterId: "" },
    "an empty cluster and this node": { clusterId: "", nodeId },
    "node -2": { nodeId: -2 },
    "this cluster and node -2": { clusterId, nodeId: -2 },
  };
  for (const [label, target] of Object.entries(targets)) {
    await dialogue.ask(`api versions of ${label}`, apiVersions, 5, { ...software, ...target }, outcome);
  }
  for (const version of [6, 99, 32_767, -1]) {
    // Whatever was asked, the answer is in v0: a client that knows nothing can read that.
    const inVersion0 = (payload: Uint8Array) => {
      const reader = new Reader(payload);
      const correlationId = reader.int32();
      return { correlationId, ...codecFor(apiVersions, 0).decodeResponse(reader) };
    };
    await dialogue.exchange(`api versions, v${version}`, header(18, version, [0, 1, 0x63], [0]), inVersion0);
    await dialogue.exchange(`api versions, v${version}, no tagged fields`, header(18, version), inVersion0);
  }
}

/** A header of classic form, client id "c", and a few bytes that may be a message. */
function header(
  apiKey: number,
  version: number,
  clientId: readonly number[] = [0, 1, 0x63],
  rest: readonly number[] = [],
) {
  const correlation = [0, 0, 0, 77];
  return Uint8Array.from([...int16(apiKey), ...int16(version), ...correlation, ...clientId, ...rest]);
}

function int16(value: number): number[] {
  return [(value >> 8) & 0xff, value & 0xff];
}

async function headers(dialogue: Dialogue): Promise<void> {
  const answered = (payload: Uint8Array) => ({ correlationId: new Reader(payload).int32() });
  const metadataOfNone = [0, 0, 0, 0];
  const cases: Record<string, Uint8Array> = {
    "a null client id": header(3, 1, [0xff, 0xff], metadataOfNone),
    "an empty client id": header(3, 1, [0, 0], metadataOfNone),
    "a client id of length -2": header(3, 1, [0xff, 0xfe], metadataOfNone),
    "a client id longer than the request": header(3, 1, [0x00, 0x7f], metadataOfNone),
    "a client id that is not UTF-8": header(3, 1, [0, 2, 0xff, 0xfe], metadataOfNone),
    "a null client id in a flexible header": header(3, 9, [0xff, 0xff], [0, 2, 3, 0x61, 0x62, 0, 0, 0, 0, 0]),
    "a tagged field in a flexible header": header(3, 9, [0, 1, 0x63], [1, 5, 2, 9, 9, 1, 1, 0, 0, 0]),
    "no tagged fields where they should be": header(3, 9, [0, 1, 0x63]),
    "an api nobody has": header(999, 0),
    "a negative api": header(-3, 0),
    "a version nobody has": header(3, 99),
    "a negative version": header(3, -1, [0, 1, 0x63], metadataOfNone),
    "an api of the controllers": header(52, 0),
    "an api of the past": header(7, 1),
    "a header and nothing": header(3, 1),
    "half a header": Uint8Array.of(0, 3, 0, 1, 0),
    "nothing": new Uint8Array(0),
  };
  for (const [label, bytes] of Object.entries(cases)) await dialogue.exchange(`header: ${label}`, bytes, answered);
}

async function oddBytes(dialogue: Dialogue): Promise<void> {
  const { name } = await dialogue.topic("framed");
  const groupId = await dialogue.group("framed");
  const partitions = [{ partitionIndex: 0, timestamp: -1 }];
  const common = { groupId, memberId: "nobody", generationId: 1 };
  await each(dialogue, metadata, [1, 8, 9, 12], () => ({ topics: [{ name }] }));
  await each(dialogue, listOffsets, [1, 5, 6, 11], () => ({
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name, partitions }],
    timeoutMs: 1,
  }));
  await each(dialogue, fetch, [4, 12], () => ({
    maxWaitMs: 0,
    minBytes: 0,
    topics: [{ topic: name, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 }] }],
    forgottenTopicsData: [],
  }));
  await each(dialogue, produce, [3, 9], () => ({
    acks: 1,
    timeoutMs: 100,
    topicData: [{ name, topicId: "", partitionData: [{ index: 7, records: new Uint8Array(3) }] }],
  }));
  await each(dialogue, heartbeat, [0, 4], () => common);
  await each(dialogue, joinGroup, [5, 9], () => ({
    ...common,
    sessionTimeoutMs: 10_000,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: new Uint8Array(0) }],
  }));
  await each(dialogue, offsetFetch, [5, 6], () => ({ groupId, topics: [{ name, partitionIndexes: [0] }] }));
  await each(dialogue, describeGroups, [4, 5], () => ({ groups: [groupId] }));
  await each(dialogue, listGroups, [2, 3, 5], () => ({}));
  await each(dialogue, initProducerId, [1, 4], () => ({ transactionalId: null, transactionTimeoutMs: 1 }));
  await each(dialogue, describeCluster, [0, 2], () => ({ includeClusterAuthorizedOperations: false }));
  await each(dialogue, apiVersions, [0, 2, 3, 4], () => software);
}

/** A request as it should be, with bytes behind it, and cut short. */
async function each<Q, QD, R, RD>(
  dialogue: Dialogue,
  api: Api<Q, QD, R, RD>,
  versions: readonly number[],
  draft: () => QD,
): Promise<void> {
  const answered = (payload: Uint8Array) => ({ correlationId: new Reader(payload).int32() });
  for (const version of versions) {
    const whole = joined(encodeRequestFrame(api, version, 5, "c", draft())).subarray(4);
    const frames = {
      "whole": whole,
      "a zero byte behind": joined([whole, Uint8Array.of(0)]),
      "ten bytes behind": joined([whole, new Uint8Array(10).fill(7)]),
      "a byte short": whole.subarray(0, whole.length - 1),
      "half of it": whole.subarray(0, whole.length >> 1),
    };
    for (const [label, bytes] of Object.entries(frames)) {
      await dialogue.exchange(`${api.name} v${version}, ${label}`, bytes, answered);
    }
  }
}
