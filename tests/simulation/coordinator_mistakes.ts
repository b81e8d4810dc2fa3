/** Mistakes that coordinators are known to make, each as an edit of the real code; `coordinator_mistakes_test.ts` plants them. */
import type { Edit } from "./planted.ts";

export interface Mistake {
  readonly name: string;
  /** The test that finds it, with the runs that it makes by default. */
  readonly test: string;
  /** What it says. */
  readonly says: string;
  readonly edits: readonly Edit[];
}

const sinceWhen = "heldSince !== undefined && generation >= heldSince";

export const MISTAKES: readonly Mistake[] = [
  {
    name: "a consumer commits by an epoch of before, after it got the partition back",
    test: "consumer_groups_step_test.ts",
    says: "since when another had it",
    edits: [["server/groups/consumer/checks.ts", sinceWhen, "heldSince !== undefined"]],
  },
  {
    name: "a streams member commits by an epoch of before, after it got the task back",
    test: "streams_groups_step_test.ts",
    says: "since when another had it",
    edits: [["server/groups/streams/checks.ts", sinceWhen, "heldSince !== undefined"]],
  },
  {
    name: "a process has two copies of a task",
    test: "streams_groups_step_test.ts",
    says: "both have",
    edits: [[
      "server/groups/streams/reconcile.ts",
      "const isTaken = isActiveHere || held[role].includes(member.processId) ||",
      "const isTaken = isActiveHere ||",
    ]],
  },
  {
    name: "a process has a task active while another of its members has a copy",
    test: "streams_groups_step_test.ts",
    says: "both have",
    edits: [["server/groups/streams/reconcile.ts", 'isElsewhere("standby", task, member, standby) ||', "false ||"]],
  },
  {
    name: "a process gets a copy of a task that it has active",
    test: "streams_groups_step_test.ts",
    says: "both have",
    edits: [["server/groups/streams/reconcile.ts", "const isTaken = isActiveHere || held", "const isTaken = held"]],
  },
  {
    name: "of two transactions that commit one offset the one that ends last counts",
    test: "transactional_offsets_step_test.ts",
    says: "not at",
    edits: [["server/groups/transactional_offsets.ts", "      this.#counted.set(key, offset.order);\n", ""]],
  },
  {
    name: "the same, in a whole broker: a commit of before, outside of transactions, is not known after a start",
    test: "transactions_crash_sim_test.ts",
    says: "was written after that, and is committed",
    edits: [["server/groups/loader.ts", "      this.#transactional.writtenOutside(place, value);\n", ""]],
  },
  {
    name: "the same, in a whole broker: a second offset of a transaction does not replace its first",
    test: "transactions_crash_sim_test.ts",
    says: "was written after that, and is committed",
    edits: [[
      "server/groups/transactional_offsets.ts",
      "if (own.has(key)) this.#count(place, -1);",
      "if (own.has(key)) return this.#count(place, -1);",
    ]],
  },
];
