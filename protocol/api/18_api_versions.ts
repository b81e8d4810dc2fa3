/**
 * ApiVersions: what this broker serves. The first request on most connections.
 *
 * v1   answer: throttle time
 * v2   a throttled answer is sent before the broker pauses (KIP-219)
 * v3   flexible; name and version of the client's software; answer: features (KIP-511, KIP-584)
 * v4   the lowest version of a supported feature may be 0
 * v5   the cluster and node that the client believes it talks to, and REBOOTSTRAP_REQUIRED if not (KIP-1242)
 *
 * The answer's header is never flexible, and a request of an unknown version is answered in v0 with UNSUPPORTED_VERSION
 * and our own range of versions of this api: the client tries again with one of them.
 */
import { api, array, bool, type Draft, type Infer, int16, int32, int64, string } from "../schema.ts";

export const apiVersions = api(18, "ApiVersions", { versions: [0, 5], flexible: 3, hasPlainResponseHeader: true }, {
  request: {
    clientSoftwareName: string.since(3).ignorable(),
    clientSoftwareVersion: string.since(3).ignorable(),
    clusterId: string.nullable().default(null).since(5).ignorable(),
    nodeId: int32.default(-1).since(5).ignorable(),
  },
  response: {
    errorCode: int16,
    apiKeys: array({ apiKey: int16, minVersion: int16, maxVersion: int16 }),
    throttleTimeMs: int32.since(1).ignorable(),
    supportedFeatures: array({ name: string, minVersion: int16, maxVersion: int16 }).tagged(0, 3).ignorable(),
    finalizedFeaturesEpoch: int64.default(-1).tagged(1, 3).ignorable(),
    finalizedFeatures: array({ name: string, maxVersionLevel: int16, minVersionLevel: int16 }).tagged(2, 3).ignorable(),
    zkMigrationReady: bool.default(false).tagged(3, 3).ignorable(),
  },
});

export type ApiVersionsRequest = Infer<typeof apiVersions.request>;
export type ApiVersionsRequestDraft = Draft<typeof apiVersions.request>;
export type ApiVersionsResponse = Infer<typeof apiVersions.response>;
export type ApiVersionsResponseDraft = Draft<typeof apiVersions.response>;
