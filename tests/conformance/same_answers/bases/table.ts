/** All bases, and what must not be asked. */

import type { Base } from "../base.ts";
import { administrationBases } from "./administration.ts";
import { configBases } from "./configs.ts";
import { groupBases } from "./groups.ts";
import { recordBases } from "./records.ts";
import { shareGroupBases } from "./share_groups.ts";
import { streamsGroupBases } from "./streams_groups.ts";
import { topicBases } from "./topics.ts";
import { transactionBases } from "./transactions.ts";
import { userBases } from "./users.ts";

export const bases: readonly Base[] = [
  ...recordBases,
  ...topicBases,
  ...configBases,
  ...groupBases,
  ...transactionBases,
  ...shareGroupBases,
  ...streamsGroupBases,
  ...administrationBases,
  ...userBases,
];
