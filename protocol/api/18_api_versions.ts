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
