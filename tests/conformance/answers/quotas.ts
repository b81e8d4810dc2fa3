/** Limits of clients: AlterClientQuotas, DescribeClientQuotas. */

import {
  describeClientQuotas,
  type DescribeClientQuotasRequestDraft,
  type DescribeClientQuotasResponse,
} from "../../../protocol/api/48_describe_client_quotas.ts";
import {
  alterClientQuotas,
  type AlterClientQuotasRequestDraft,
  type AlterClientQuotasResponse,
} from "../../../protocol/api/49_alter_client_quotas.ts";
import { until } from "../../support/broker.ts";
import type { Dialogue } from "../../support/dialogue.ts";

type Entity = Readonly<Record<string, string | null>>;
type Operations = Readonly<Record<string, number | null>>;
type Entry = AlterClientQuotasRequestDraft["entries"][number];

const versions = [0, 1] as const;
const EXACT = 0;
const DEFAULT = 1;
const SPECIFIED = 2;

export async function quotasAnswers(dialogue: Dialogue): Promise<void> {
  await refusals(dialogue);
  await changes(dialogue);
  await filters(dialogue);
  await badFilters(dialogue);
}

export function entry(entity: Entity, operations: Operations): Entry {
  return {
    entity: Object.entries(entity).map(([entityType, entityName]) => ({ entityType, entityName })),
    ops: Object.entries(operations).map(([key, value]) => ({ key, value: value ?? 0, remove: value === null })),
  };
}

/** In one order: Kafka's comes out of hash maps. */
function altered({ entries }: AlterClientQuotasResponse): unknown {
  return entries.map(({ entity, errorCode }) => ({ entity: printed(entity), errorCode })).sort(byText);
}

function printed(entity: readonly { readonly entityType: string; readonly entityName: string | null }[]): string {
  return entity.map(({ entityType, entityName }) => `${entityType}=${entityName}`).sort().join(" ");
}

function byText(one: unknown, other: unknown): number {
  return JSON.stringify(one) < JSON.stringify(other) ? -1 : 1;
}

/** Of this conversation, or of a default. */
function described(dialogue: Dialogue) {
  const isOurs = (name: string | null) => name === null || name.endsWith(dialogue.named("")) || name.startsWith("10.");
  return ({ errorCode, entries }: DescribeClientQuotasResponse) => ({
    errorCode,
    entries: entries?.filter(({ entity }) => entity.every(({ entityName }) => isOurs(entityName)))
      .map(({ entity, values }) =>
        `${printed(entity)}: ${values.map(({ key, value }) => `${key}=${value}`).sort().join(" ")}`
      ).sort() ?? null,
  });
}

async function alter(
  dialogue: Dialogue,
  label: string,
  entries: readonly Entry[],
  validateOnly = false,
): Promise<void> {
  await dialogue.askEach(label, alterClientQuotas, versions, () => ({ entries, validateOnly }), { view: altered });
}

async function refusals(dialogue: Dialogue): Promise<void> {
  const client = dialogue.named("refused");
  const rate = { producer_byte_rate: 1000 };
  const entities: Readonly<Record<string, Entity>> = {
    "nobody": {},
    "an unknown type": { topic: "a" },
    "an unknown type beside a known one": { "client-id": client, topic: "a" },
    "an empty user": { user: "" },
    "an empty client id": { "client-id": "" },
    "an empty address": { ip: "" },
    "an address and a user": { ip: "10.0.0.1", user: "a" },
    "an address and a client id": { ip: "10.0.0.1", "client-id": "a" },
    "no address": { ip: "not an address" },
    "a quota that addresses do not have": { ip: "10.0.0.1" },
  };
  for (const [label, entity] of Object.entries(entities)) await alter(dialogue, label, [entry(entity, rate)]);
  const operations: Readonly<Record<string, Operations>> = {
    "an unknown quota": { no_such_quota: 1 },
    "a quota of addresses": { connection_creation_rate: 1 },
    "zero": { producer_byte_rate: 0 },
    "less than zero": { consumer_byte_rate: -1 },
    "a fraction": { producer_byte_rate: 1.5 },
    "hardly a fraction": { producer_byte_rate: 1000.0000001 },
    "more than a long": { producer_byte_rate: 1e19 },
    "a long": { producer_byte_rate: 9223372036854775807 },
    "infinity of bytes": { producer_byte_rate: Infinity },
    "infinity of a percentage": { request_percentage: Infinity },
    "no number of bytes": { producer_byte_rate: NaN },
    "no number of a percentage": { request_percentage: NaN },
    "a fraction of a percentage": { request_percentage: 0.5 },
    "a good quota and a bad one": { producer_byte_rate: 1, consumer_byte_rate: -1 },
    "nothing": {},
    "an unknown quota unset": { no_such_quota: null },
    "a quota unset that is not set": { producer_byte_rate: null },
  };
  for (const [label, ops] of Object.entries(operations)) {
    await alter(dialogue, label, [entry({ "client-id": client }, ops)], true);
  }
  for (const rate of [0, 1, 1.5, 2147483647, 2147483648]) {
    await alter(dialogue, `${rate} connections`, [entry({ ip: "10.0.0.1" }, { connection_creation_rate: rate })], true);
  }
  await alter(dialogue, "no entries", []);
  const twice = entry({ "client-id": client }, {});
  const ops = [{ key: "producer_byte_rate", value: 1, remove: false }];
  await alter(dialogue, "a quota twice", [{ ...twice, ops: [...ops, ...ops] }]);
  await alter(dialogue, "a type twice", [{
    ops,
    entity: [{ entityType: "client-id", entityName: "first" }, { entityType: "client-id", entityName: client }],
  }], true);
}

async function changes(dialogue: Dialogue): Promise<void> {
  const one = { "client-id": dialogue.named("one") };
  const two = { "client-id": dialogue.named("two") };
  await alter(dialogue, "only validated", [entry(one, { producer_byte_rate: 5 })], true);
  await alter(dialogue, "two entities, one good", [
    entry(one, { producer_byte_rate: 10, request_percentage: 0.5 }),
    entry(two, { producer_byte_rate: 0 }),
  ]);
  await alter(dialogue, "an entity twice", [
    entry(two, { producer_byte_rate: 20 }),
    entry(two, { consumer_byte_rate: 30 }),
  ]);
  await describe(dialogue, "after the changes", { components: [specified("client-id")], strict: true });
  await alter(dialogue, "one quota of two unset", [entry(one, { producer_byte_rate: null })]);
  await describe(dialogue, "one left", { components: [specified("client-id")], strict: true });
  await alter(dialogue, "all unset", [
    entry(one, { request_percentage: null }),
    entry(two, { producer_byte_rate: null, consumer_byte_rate: null }),
  ]);
  await describe(dialogue, "none left", { components: [specified("client-id")], strict: true });
}

async function filters(dialogue: Dialogue): Promise<void> {
  const [user, clientId] = [dialogue.named("user"), dialogue.named("client")];
  const entities: Entity[] = [
    { user },
    { user: null },
    { "client-id": clientId },
    { "client-id": null },
    { user, "client-id": clientId },
    { user, "client-id": null },
    { user: null, "client-id": clientId },
    { user: null, "client-id": null },
  ];
  const set = entities.map((entity, index) => entry(entity, { consumer_byte_rate: 1e9 + index }));
  const addresses = [{ ip: "10.1.2.3" }, { ip: null }].map((ip) => entry(ip, { connection_creation_rate: 1e6 }));
  await alter(dialogue, "all kinds", [...set, ...addresses]);
  const components: Readonly<Record<string, DescribeClientQuotasRequestDraft["components"]>> = {
    "everything": [],
    "the user": [exactly("user", user)],
    "the default user": [defaultOf("user")],
    "any user": [specified("user")],
    "the client id": [exactly("client-id", clientId)],
    "any client id": [specified("client-id")],
    "the user and the client id": [exactly("user", user), exactly("client-id", clientId)],
    "the user and the default client id": [exactly("user", user), defaultOf("client-id")],
    "the user and any client id": [exactly("user", user), specified("client-id")],
    "any user and the client id": [specified("user"), exactly("client-id", clientId)],
    "any user and any client id": [specified("user"), specified("client-id")],
    "the address": [exactly("ip", "10.1.2.3")],
    "any address": [specified("ip")],
    "a name that is not there": [exactly("user", "no such user")],
  };
  for (const [label, of] of Object.entries(components)) {
    await describe(dialogue, label, { components: of, strict: false });
    await describe(dialogue, `${label}, strictly`, { components: of, strict: true });
  }
  const unset = entities.map((entity) => entry(entity, { consumer_byte_rate: null }));
  const freed = [{ ip: "10.1.2.3" }, { ip: null }].map((ip) => entry(ip, { connection_creation_rate: null }));
  await alter(dialogue, "all kinds unset", [...unset, ...freed]);
  await describe(dialogue, "nothing is left", { components: [], strict: false });
}

async function badFilters(dialogue: Dialogue): Promise<void> {
  const components: Readonly<Record<string, DescribeClientQuotasRequestDraft["components"]>> = {
    "an empty type": [exactly("", "a")],
    "a type that does not exist": [exactly("topic", "a")],
    "a type twice in a filter": [exactly("user", "a"), specified("user")],
    "an unknown match type": [{ entityType: "user", matchType: 3, match: null }],
    "a negative match type": [{ entityType: "user", matchType: -1, match: null }],
    "exactly nothing": [{ entityType: "user", matchType: EXACT, match: null }],
    "the default by a name": [{ entityType: "user", matchType: DEFAULT, match: "a" }],
    "any by a name": [{ entityType: "user", matchType: SPECIFIED, match: "a" }],
    "an address and a user in a filter": [exactly("ip", "10.0.0.1"), specified("user")],
    "an empty name": [exactly("user", "")],
  };
  for (const [label, of] of Object.entries(components)) {
    await dialogue.askEach(
      `filter: ${label}`,
      describeClientQuotas,
      versions,
      () => ({ components: of, strict: true }),
      {
        view: described(dialogue),
      },
    );
  }
}

function exactly(entityType: string, match: string) {
  return { entityType, matchType: EXACT, match };
}

function defaultOf(entityType: string) {
  return { entityType, matchType: DEFAULT, match: null };
}

function specified(entityType: string) {
  return { entityType, matchType: SPECIFIED, match: null };
}

/** Asks when all that was changed before can be seen: Kafka's brokers learn of it after it is answered. */
async function describe(dialogue: Dialogue, label: string, draft: DescribeClientQuotasRequestDraft): Promise<void> {
  await settled(dialogue);
  await dialogue.askEach(label, describeClientQuotas, versions, () => draft, { view: described(dialogue) });
}

let marks = 0;

export async function settled(dialogue: Dialogue): Promise<void> {
  const client = await dialogue.main();
  const entityName = `mark-${dialogue.named("")}-`;
  const value = ++marks;
  await client.send(alterClientQuotas, 1, {
    entries: [entry({ "client-id": entityName }, { producer_byte_rate: value })],
    validateOnly: false,
  });
  await until(async () => {
    const { entries } = await client.send(describeClientQuotas, 1, {
      components: [exactly("client-id", entityName)],
      strict: true,
    });
    return entries?.[0]?.values[0]?.value === value;
  }, { what: "A change of quotas that shows" });
}
