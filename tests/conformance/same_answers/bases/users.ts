/** Who may do what, and how much of it: limits of clients, SCRAM credentials, access rules, delegation tokens, logins. */

import { alterClientQuotas } from "../../../../protocol/api/49_alter_client_quotas.ts";
import { alterUserScramCredentials } from "../../../../protocol/api/51_alter_user_scram_credentials.ts";
import { createAcls } from "../../../../protocol/api/30_create_acls.ts";
import { createDelegationToken } from "../../../../protocol/api/38_create_delegation_token.ts";
import { deleteAcls } from "../../../../protocol/api/31_delete_acls.ts";
import { describeAcls } from "../../../../protocol/api/29_describe_acls.ts";
import {
  describeClientQuotas,
  type DescribeClientQuotasRequestDraft,
} from "../../../../protocol/api/48_describe_client_quotas.ts";
import { describeDelegationToken } from "../../../../protocol/api/41_describe_delegation_token.ts";
import { describeUserScramCredentials } from "../../../../protocol/api/50_describe_user_scram_credentials.ts";
import { expireDelegationToken } from "../../../../protocol/api/40_expire_delegation_token.ts";
import { renewDelegationToken } from "../../../../protocol/api/39_renew_delegation_token.ts";
import { saslAuthenticate } from "../../../../protocol/api/36_sasl_authenticate.ts";
import { saslHandshake } from "../../../../protocol/api/17_sasl_handshake.ts";
import { until } from "../../../support/broker.ts";
import { utf8 } from "../../answers/batches.ts";
import { entry, settled } from "../../answers/quotas.ts";
import { type Base, base } from "../base.ts";
import type { Talk } from "../talk.ts";

/** More than anybody here sends: others must not have to wait, whoever the limit is for in the end. */
const rate = 1e12;
const SHA_256 = 1, SHA_512 = 2;

export const userBases: readonly Base[] = [
  ...[true, false].map((validateOnly) =>
    base(alterClientQuotas, `two limits of a user's client${validateOnly ? ", only validated" : ""}`, {
      draft: (_, { named }) => ({
        // Whichever of the two becomes the default, the other is this question's own.
        entries: [
          entry({ user: named("u"), "client-id": named("c") }, { producer_byte_rate: rate, consumer_byte_rate: rate }),
        ],
        validateOnly,
      }),
      probe: limits,
    })
  ),
  base(alterClientQuotas, "one limit of two less", {
    prepare: limited,
    draft: (_, { named }) => ({
      entries: [entry({ user: named("u"), "client-id": named("c") }, { producer_byte_rate: null })],
      validateOnly: false,
    }),
    probe: limits,
  }),
  base(alterClientQuotas, "of an address, only validated", {
    draft: () => ({ entries: [entry({ ip: "10.1.2.3" }, { connection_creation_rate: 1e6 })], validateOnly: true }),
  }),
  base(describeClientQuotas, "of a user's clients", {
    prepare: limited,
    draft: (_, talk) => ({
      components: [
        { entityType: "user", matchType: 0, match: talk.named("u") },
        { entityType: "client-id", matchType: 2, match: null },
      ],
      strict: true,
    }),
  }),
  base(describeClientQuotas, "of whoever a user is", {
    prepare: limited,
    draft: (_, talk) => ofUser(talk),
  }),
  base(alterUserScramCredentials, "one more, and one less", {
    prepare: withPassword,
    draft: (_, { named }) => ({
      deletions: [{ name: named("ann"), mechanism: SHA_256 }],
      upsertions: [upsertion(named("bob"), SHA_512)],
    }),
    probe: passwords,
  }),
  base(alterUserScramCredentials, "another password", {
    prepare: withPassword,
    draft: (_, { named }) => ({ deletions: [], upsertions: [upsertion(named("ann"), SHA_256, 5_000)] }),
    probe: passwords,
  }),
  base(describeUserScramCredentials, "one that is there and one that is not", {
    prepare: withPassword,
    draft: (_, { named }) => ({ users: [{ name: named("ann") }, { name: named("bob") }] }),
  }),
  base(describeAcls, "of a topic", { draft: () => aclFilter }),
  base(createAcls, "of a topic", {
    draft: () => ({
      creations: [{
        resourceType: 2,
        resourceName: "orders",
        resourcePatternType: 3,
        principal: "User:ann",
        host: "*",
        operation: 3,
        permissionType: 3,
      }],
    }),
  }),
  base(deleteAcls, "of a topic", { draft: () => ({ filters: [aclFilter] }) }),
  base(createDelegationToken, "for another", {
    draft: () => ({ ownerPrincipalType: "User", ownerPrincipalName: "ann", renewers: [ann], maxLifetimeMs: 60_000 }),
  }),
  base(renewDelegationToken, "for a minute", {
    draft: () => ({ hmac: Uint8Array.of(1, 2, 3), renewPeriodMs: 60_000 }),
  }),
  base(expireDelegationToken, "in a minute", {
    draft: () => ({ hmac: Uint8Array.of(1, 2, 3), expiryTimePeriodMs: 60_000 }),
  }),
  base(describeDelegationToken, "of a user", { draft: () => ({ owners: [ann] }) }),
  base(saslHandshake, "where nobody logs in", { draft: () => ({ mechanism: "PLAIN" }) }),
  base(saslAuthenticate, "where nobody logs in", { draft: () => ({ authBytes: utf8("\0ann\0secret") }) }),
];

const ann = { principalType: "User", principalName: "ann" };

const aclFilter = {
  resourceTypeFilter: 2,
  resourceNameFilter: "orders",
  patternTypeFilter: 3,
  principalFilter: "User:ann",
  hostFilter: "*",
  operation: 3,
  permissionType: 3,
};

async function limited({ dialogue, named }: Talk): Promise<void> {
  const client = await dialogue.main();
  const ops = { producer_byte_rate: rate, consumer_byte_rate: rate };
  await client.send(alterClientQuotas, 1, {
    entries: [entry({ user: named("u"), "client-id": named("c") }, ops)],
    validateOnly: false,
  });
  await settled(dialogue);
}

async function limits(talk: Talk): Promise<void> {
  await settled(talk.dialogue);
  await talk.ask("its limits", describeClientQuotas, 1, ofUser(talk));
}

function ofUser({ named }: Talk): DescribeClientQuotasRequestDraft {
  return { components: [{ entityType: "user", matchType: 0, match: named("u") }], strict: false };
}

function upsertion(name: string, mechanism: number, iterations = 4_096) {
  return { name, mechanism, iterations, salt: Uint8Array.of(1, 2, 3, 4), saltedPassword: new Uint8Array(32).fill(7) };
}

async function withPassword(talk: Talk): Promise<void> {
  await setPassword(talk, "ann");
}

/** Resolves when it can be seen: Kafka's brokers learn of it after it is answered, in the order of changes. */
async function setPassword({ dialogue, named }: Talk, user: string): Promise<void> {
  const client = await dialogue.main();
  const name = named(user);
  await client.send(alterUserScramCredentials, 0, { deletions: [], upsertions: [upsertion(name, SHA_256)] });
  await until(async () => {
    const { results } = await client.send(describeUserScramCredentials, 0, { users: [{ name }] });
    return (results[0]?.credentialInfos.length ?? 0) > 0;
  }, { what: "A password that is set" });
}

async function passwords(talk: Talk): Promise<void> {
  await setPassword(talk, "marker");
  const users = ["ann", "bob"].map((name) => ({ name: talk.named(name) }));
  await talk.ask("their passwords", describeUserScramCredentials, 0, { users });
}
