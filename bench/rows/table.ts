/** All rows, in the order in which they are measured and shown. */

import { backlogRows } from "./backlog.ts";
import { consumeRows } from "./consume.ts";
import { followRows } from "./follow.ts";
import { groupRows } from "./groups.ts";
import { installedRows } from "./installed.ts";
import { latencyRows } from "./latency.ts";
import { loadRows } from "./load.ts";
import { manyRows } from "./many.ts";
import { memoryRows } from "./memory.ts";
import { produceRows } from "./produce.ts";
import type { Row } from "./row.ts";
import { startRows } from "./start.ts";
import { transactionRows } from "./transactions.ts";

export const rows: readonly Row[] = [
  ...loadRows,
  ...latencyRows,
  ...produceRows,
  ...consumeRows,
  ...transactionRows,
  ...followRows,
  ...backlogRows,
  ...startRows,
  ...memoryRows,
  ...manyRows,
  ...groupRows,
  ...installedRows,
];
