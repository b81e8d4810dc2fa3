/**
 * DescribeUserScramCredentials: with which mechanisms users may log in, and how their passwords are kept (KIP-554).
 *
 * v0   flexible
 */
import { api, array, type Draft, type Infer, int16, int32, int8, string } from "../schema.ts";

export const describeUserScramCredentials = api(50, "DescribeUserScramCredentials", { versions: [0, 0], flexible: 0 }, {
  request: {
    users: array({ name: string }).nullable(),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    results: array({
      user: string,
      errorCode: int16,
      errorMessage: string.nullable(),
      credentialInfos: array({ mechanism: int8, iterations: int32 }),
    }),
  },
});

export type DescribeUserScramCredentialsRequest = Infer<typeof describeUserScramCredentials.request>;
export type DescribeUserScramCredentialsRequestDraft = Draft<typeof describeUserScramCredentials.request>;
export type DescribeUserScramCredentialsResponse = Infer<typeof describeUserScramCredentials.response>;
export type DescribeUserScramCredentialsResponseDraft = Draft<typeof describeUserScramCredentials.response>;
