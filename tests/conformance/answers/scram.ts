/** What users log in with: SCRAM credentials, set, told of and removed. */

import {
  alterUserScramCredentials,
  type AlterUserScramCredentialsRequestDraft,
} from "../../../protocol/api/51_alter_user_scram_credentials.ts";
import { describeUserScramCredentials } from "../../../protocol/api/50_describe_user_scram_credentials.ts";
import type { DescribeUserScramCredentialsResponse } from "../../../protocol/api/50_describe_user_scram_credentials.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import { worded } from "./views.ts";

type Alteration = AlterUserScramCredentialsRequestDraft;
type Upsertion = Alteration["upsertions"][number];

const sha256 = 1;
const sha512 = 2;

export async function scramAnswers(dialogue: Dialogue): Promise<void> {
  await refusals(dialogue);
  await lives(dialogue);
}

type Described = DescribeUserScramCredentialsResponse["results"][number];

/** By mechanism: Kafka has them as they come out of a map. */
function infosOf(described: Partial<Described> | undefined): Described["credentialInfos"] {
  return [...described?.credentialInfos ?? []].sort((one, other) => one.mechanism - other.mechanism);
}

/** In the order of the users, likewise. */
function byUser({ results, ...rest }: { readonly results: readonly (Partial<Described> & { user: string })[] }) {
  const sorted = [...results].sort((one, other) => one.user < other.user ? -1 : 1);
  return worded({
    ...rest,
    results: sorted.map((one) => "credentialInfos" in one ? { ...one, credentialInfos: infosOf(one) } : one),
  });
}

function upsertion(name: string, more: Partial<Upsertion> = {}): Upsertion {
  return {
    name,
    mechanism: sha256,
    iterations: 4096,
    salt: Uint8Array.of(1, 2, 3, 4),
    saltedPassword: new Uint8Array(32).fill(7),
    ...more,
  };
}

async function refusals(dialogue: Dialogue): Promise<void> {
  const ann = dialogue.named("ann");
  const bob = dialogue.named("bob");
  const set = (...upsertions: Upsertion[]): Alteration => ({ deletions: [], upsertions });
  const remove = (...deletions: Alteration["deletions"]): Alteration => ({ deletions, upsertions: [] });
  const asked: Record<string, Alteration> = {
    "nothing": set(),
    "4095 iterations": set(upsertion(ann, { iterations: 4095 })),
    "16385 iterations": set(upsertion(ann, { iterations: 16385 })),
    "-1 iterations": set(upsertion(ann, { iterations: -1 })),
    "an unknown mechanism": set(upsertion(ann, { mechanism: 0 })),
    "a mechanism that does not exist": set(upsertion(ann, { mechanism: 3 })),
    "an empty name": set(upsertion("")),
    "an empty password": set(upsertion(ann, { saltedPassword: new Uint8Array(0) })),
    "an empty name, an unknown mechanism": set(upsertion("", { mechanism: 0 })),
    "an unknown mechanism, too few iterations": set(upsertion(ann, { mechanism: 0, iterations: 1 })),
    "a user twice, two mechanisms": set(upsertion(ann), upsertion(ann, { mechanism: sha512 })),
    "a user twice, one mechanism": set(upsertion(ann), upsertion(ann)),
    "a user thrice": set(upsertion(ann), upsertion(ann), upsertion(ann)),
    "two errors": set(upsertion(ann, { iterations: 1 }), upsertion(bob, { mechanism: 9 })),
    "two errors of one user": set(upsertion(ann, { iterations: 1 }), upsertion(ann, { mechanism: 9 })),
    "remove what is not there": remove({ name: ann, mechanism: sha256 }),
    "remove an unknown mechanism": remove({ name: ann, mechanism: 0 }),
    "remove of an empty name": remove({ name: "", mechanism: sha256 }),
    "remove twice what is not there": remove({ name: ann, mechanism: sha256 }, { name: ann, mechanism: sha256 }),
    "remove what is not there, and set it": {
      deletions: [{ name: ann, mechanism: sha256 }],
      upsertions: [upsertion(ann)],
    },
  };
  for (const [label, draft] of Object.entries(asked)) {
    await dialogue.ask(`credentials: ${label}`, alterUserScramCredentials, 0, draft, { view: byUser });
  }
  const users = (...names: string[]) => ({ users: names.map((name) => ({ name })) });
  const ask = (label: string, draft: { users: readonly { name: string }[] | null }) =>
    dialogue.ask(`credentials of ${label}`, describeUserScramCredentials, 0, draft, { view: byUser });
  await ask("an unknown user", users(ann));
  await ask("two unknown users", users(ann, bob));
  await ask("an unknown user twice", users(ann, ann));
  await ask("an empty name", users(""));
}

async function lives(dialogue: Dialogue): Promise<void> {
  const carl = dialogue.named("carl");
  const dora = dialogue.named("dora");
  const ask = async (label: string, draft: Alteration, expected: readonly number[]) => {
    await dialogue.ask(`credentials: ${label}`, alterUserScramCredentials, 0, draft, { view: byUser });
    // Kafka's broker hears of what its controller did a moment later.
    const isPassing = ({ results }: DescribeUserScramCredentialsResponse) =>
      infosOf(results.find(({ user }) => user === carl)).map(({ iterations }) => iterations).join() !==
        expected.join();
    const draftOfBoth = { users: [{ name: carl }, { name: dora }] };
    const what = `credentials of two users after: ${label}`;
    await dialogue.ask(what, describeUserScramCredentials, 0, draftOfBoth, { view: byUser, isPassing });
  };
  const set = (...upsertions: Upsertion[]): Alteration => ({ deletions: [], upsertions });
  await ask("one", set(upsertion(carl)), [4096]);
  await ask("the same again", set(upsertion(carl)), [4096]);
  await ask("with more iterations", set(upsertion(carl, { iterations: 16384 })), [16384]);
  await ask(
    "another mechanism, and another user",
    set(
      upsertion(carl, { mechanism: sha512, iterations: 5000, saltedPassword: new Uint8Array(64) }),
      upsertion(dora, { salt: new Uint8Array(0), saltedPassword: Uint8Array.of(1) }),
    ),
    [16384, 5000],
  );
  await ask(
    "one to change and one refused",
    set(
      upsertion(carl, { iterations: 4097 }),
      upsertion(dora, { iterations: 1 }),
    ),
    [4097, 5000],
  );
  await ask("one removed and one that is not there", {
    deletions: [{ name: carl, mechanism: sha512 }, { name: dora, mechanism: sha512 }],
    upsertions: [],
  }, [4097]);
  await ask("removed and set", {
    deletions: [{ name: carl, mechanism: sha256 }],
    upsertions: [upsertion(carl, { mechanism: sha512 })],
  }, [4097]);
  await ask("both users of one request, one twice", {
    deletions: [{ name: dora, mechanism: sha256 }],
    upsertions: [upsertion(carl, { iterations: 6000 }), upsertion(carl, { iterations: 7000 })],
  }, [4097]);
  const own = {
    view: ({ results, ...rest }: DescribeUserScramCredentialsResponse) =>
      byUser({ ...rest, results: results.filter(({ user }) => user === carl || user === dora) }),
  };
  await dialogue.ask("credentials of all", describeUserScramCredentials, 0, { users: null }, own);
  await dialogue.ask("credentials of none that is named", describeUserScramCredentials, 0, { users: [] }, own);
  await ask("all removed", { deletions: [{ name: carl, mechanism: sha256 }], upsertions: [] }, []);
}
