/**
 * The same questions to Weir and to Apache Kafka, `npm run answers`: bun scripts/answers.ts [--seed N] [--rounds M] [--only REGEX]
 *
 * Puts M (1) rounds of generated requests to both and prints where answers differ. The seed is printed; given back, it asks
 * the same. `--only` is of names of apis. WEIR_TARGET names the broker of ours (bun).
 */

import { parseArgs } from "node:util";
import { seedOf } from "../tests/support/prng.ts";
import { report } from "../tests/conformance/same_answers/report.ts";
import { askBoth } from "../tests/conformance/same_answers/run.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    rounds: { type: "string", default: "1" },
    only: { type: "string" },
  },
});
const seed = seedOf(values.seed);
const roundCount = Number(values.rounds);
if (!Number.isInteger(seed) || !Number.isInteger(roundCount) || roundCount < 1) {
  throw new RangeError(`Cannot ask with --seed "${values.seed}" --rounds "${values.rounds}": both are whole numbers`);
}
console.log(`--seed ${seed} --rounds ${roundCount}`);
const startMs = performance.now();
const outcome = await askBoth({
  seed,
  roundCount,
  ...(values.only && { only: new RegExp(values.only) }),
  onFinding: ({ question, path, weir, kafka }) =>
    console.error(`${question.label}\n  ${path}: Weir ${weir}, Kafka ${kafka}`),
});
console.log(report(outcome));
console.log(`${((performance.now() - startMs) / 1000).toFixed(1)} s`);
process.exit(outcome.findings.length === 0 ? 0 : 1);
