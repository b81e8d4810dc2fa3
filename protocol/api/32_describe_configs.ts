/**
 * DescribeConfigs: configuration of topics, brokers and groups, with where each value comes from (KIP-133).
 *
 * v1   synonyms, when asked for; answer: source in place of "is default" (KIP-226)
 * v2   a throttled answer is sent before the broker pauses (KIP-219)
 * v3   documentation, when asked for; answer: type (KIP-569)
 * v4   flexible
 */
import { api, array, bool, type Draft, type Infer, int16, int32, int8, string } from "../schema.ts";

export const describeConfigs = api(32, "DescribeConfigs", { versions: [0, 4], flexible: 4 }, {
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configurationKeys: array(string).nullable(),
    }),
    includeSynonyms: bool.default(false).since(1),
    includeDocumentation: bool.default(false).since(3),
  },
  response: {
    throttleTimeMs: int32,
    results: array({
      errorCode: int16,
      errorMessage: string.nullable(),
      resourceType: int8,
      resourceName: string,
      configs: array({
        name: string,
        value: string.nullable(),
        readOnly: bool,
        isDefault: bool.until(0),
        configSource: int8.default(-1).since(1).ignorable(),
        isSensitive: bool,
        synonyms: array({ name: string, value: string.nullable(), source: int8 }).since(1).ignorable(),
        configType: int8.default(0).since(3).ignorable(),
        documentation: string.nullable().since(3).ignorable(),
      }),
    }),
  },
});

export type DescribeConfigsRequest = Infer<typeof describeConfigs.request>;
export type DescribeConfigsRequestDraft = Draft<typeof describeConfigs.request>;
export type DescribeConfigsResponse = Infer<typeof describeConfigs.response>;
export type DescribeConfigsResponseDraft = Draft<typeof describeConfigs.response>;
