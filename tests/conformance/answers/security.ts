/** Access rules, delegation tokens and logins where none of them is switched on. */

import { createAcls, type CreateAclsRequestDraft } from "../../../protocol/api/30_create_acls.ts";
import { createDelegationToken } from "../../../protocol/api/38_create_delegation_token.ts";
import { deleteAcls } from "../../../protocol/api/31_delete_acls.ts";
import { describeAcls, type DescribeAclsRequestDraft } from "../../../protocol/api/29_describe_acls.ts";
import { describeDelegationToken } from "../../../protocol/api/41_describe_delegation_token.ts";
import { expireDelegationToken } from "../../../protocol/api/40_expire_delegation_token.ts";
import { renewDelegationToken } from "../../../protocol/api/39_renew_delegation_token.ts";
import { saslAuthenticate } from "../../../protocol/api/36_sasl_authenticate.ts";
import { saslHandshake } from "../../../protocol/api/17_sasl_handshake.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import { worded } from "./views.ts";

const view = { view: worded };

export async function securityAnswers(dialogue: Dialogue): Promise<void> {
  await filters(dialogue);
  await creations(dialogue);
  await tokens(dialogue);
  await logins(dialogue);
}

/** Kafka's numbers: 1 is any; for resources 2 a topic, 7 a user; patterns 3 literal, 4 prefixed; 3 is to read, and to allow. */
async function filters(dialogue: Dialogue): Promise<void> {
  const any: DescribeAclsRequestDraft = {
    resourceTypeFilter: 1,
    resourceNameFilter: null,
    patternTypeFilter: 1,
    principalFilter: null,
    hostFilter: null,
    operation: 1,
    permissionType: 1,
  };
  const asked: Record<string, Partial<DescribeAclsRequestDraft>> = {
    "all": {},
    "one": {
      resourceTypeFilter: 2,
      resourceNameFilter: "orders",
      patternTypeFilter: 3,
      principalFilter: "User:ann",
      hostFilter: "*",
      operation: 3,
      permissionType: 3,
    },
    "a user's": { resourceTypeFilter: 7 },
    "of an unknown resource": { resourceTypeFilter: 0 },
    "of a resource that does not exist": { resourceTypeFilter: 99 },
    "of an unknown pattern": { patternTypeFilter: 0 },
    "of a pattern that does not exist": { patternTypeFilter: 99 },
    "of an unknown operation": { operation: 0 },
    "of an operation that does not exist": { operation: 99 },
    "of an unknown permission": { permissionType: 0 },
    "of a bad principal": { principalFilter: "ann" },
  };
  for (const [label, more] of Object.entries(asked)) {
    const filter = { ...any, ...more };
    await dialogue.askEach(`access rules: ${label}`, describeAcls, [1, 3], () => filter, view);
    await dialogue.askEach(`end access rules: ${label}`, deleteAcls, [1, 3], () => ({ filters: [filter] }), view);
  }
  await dialogue.askEach("end access rules: two", deleteAcls, [1, 3], () => ({ filters: [any, any] }), view);
  await dialogue.askEach("end access rules: none", deleteAcls, [1, 3], () => ({ filters: [] }), view);
}

/** On a listener where nobody can; whoever asks may go on all the same. */
async function logins(dialogue: Dialogue): Promise<void> {
  for (const mechanism of ["PLAIN", "SCRAM-SHA-256", "GSSAPI", "", "unheard of"]) {
    await dialogue.askEach(`log in by "${mechanism}"`, saslHandshake, [0, 1], () => ({ mechanism }), view);
  }
  for (const authBytes of [new Uint8Array(0), new TextEncoder().encode("\0ann\0secret")]) {
    const label = `log in with ${authBytes.length} bytes`;
    await dialogue.askEach(label, saslAuthenticate, [0, 2], () => ({ authBytes }), view);
  }
}

async function creations(dialogue: Dialogue): Promise<void> {
  type Creation = CreateAclsRequestDraft["creations"][number];
  const rule: Creation = {
    resourceType: 2,
    resourceName: "orders",
    resourcePatternType: 3,
    principal: "User:ann",
    host: "*",
    operation: 3,
    permissionType: 3,
  };
  const asked: Record<string, readonly Partial<Creation>[]> = {
    "one": [{}],
    "two": [{}, { resourcePatternType: 4 }],
    "none": [],
    "a user's": [{ resourceType: 7 }],
    "an empty name": [{ resourceName: "" }],
    "the cluster under another name": [{ resourceType: 4 }],
    "any resource": [{ resourceType: 1 }],
    "an unknown resource": [{ resourceType: 0 }],
    "an unknown pattern": [{ resourcePatternType: 0 }],
    "an unknown operation": [{}, { operation: 0 }],
    "an unknown permission": [{ permissionType: 0 }],
    "a resource that does not exist": [{ resourceType: 99 }],
    "any pattern": [{ resourcePatternType: 1 }],
    "a pattern that does not exist": [{ resourcePatternType: 99 }],
    "an operation that does not exist": [{ operation: 99 }],
    "a permission that does not exist": [{ permissionType: 99 }],
    "a bad principal": [{ principal: "ann" }],
  };
  for (const [label, rules] of Object.entries(asked)) {
    const draft = { creations: rules.map((more) => ({ ...rule, ...more })) };
    await dialogue.askEach(`new access rules: ${label}`, createAcls, [1, 3], () => draft, view);
  }
}

async function tokens(dialogue: Dialogue): Promise<void> {
  const ann = { principalType: "User", principalName: "ann" };
  const request = { renewers: [], maxLifetimeMs: -1, ownerPrincipalType: null, ownerPrincipalName: null };
  const hmac = Uint8Array.of(1, 2, 3);
  const versioned = (draft: typeof request | object, version: number) =>
    version < 3 ? { ...request, ...draft, ownerPrincipalType: undefined, ownerPrincipalName: undefined } : {
      ...request,
      ...draft,
    };
  const asked = {
    "one": {},
    "one with a renewer": { renewers: [ann] },
    "one with a renewer who is no user": { renewers: [{ ...ann, principalType: "Group" }] },
    "one that lasts": { maxLifetimeMs: 1_000_000 },
    "one for another": { ownerPrincipalType: "User", ownerPrincipalName: "ann" },
    "one for nobody": { ownerPrincipalType: "", ownerPrincipalName: "" },
  };
  for (const [label, draft] of Object.entries(asked)) {
    await dialogue.askEach(`new token: ${label}`, createDelegationToken, [1, 3], (v) => versioned(draft, v) as never);
  }
  for (const periodMs of [0, -1, 5]) {
    const renewal = { hmac, renewPeriodMs: periodMs };
    await dialogue.askEach(`renew a token for ${periodMs}`, renewDelegationToken, [1, 2], () => renewal);
    const end = { hmac, expiryTimePeriodMs: periodMs };
    await dialogue.askEach(`end a token in ${periodMs}`, expireDelegationToken, [1, 2], () => end);
  }
  const owners = { "all": null, "nobody": [], "one user": [ann], "no user": [{ ...ann, principalType: "x" }] };
  for (const [label, draft] of Object.entries(owners)) {
    await dialogue.askEach(`tokens of ${label}`, describeDelegationToken, [1, 3], () => ({ owners: draft }));
  }
}
