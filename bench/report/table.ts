/** What a run found, for the terminal. */

import type { RunLine } from "../results.ts";
import { stretchText, targetText } from "../targets.ts";
import { compare, type Compared, countMet, numberText, ratioText, shareOfLimit } from "./comparison.ts";

export function printTable(lines: readonly RunLine[]): void {
  const compared = compare(lines);
  const width = Math.max(20, ...compared.map(({ figure }) => figure.length)) + 9;
  console.log(`${"".padEnd(width)} ${["weir", "kafka", "ratio"].map((title) => title.padStart(10)).join(" ")}`);
  for (const one of compared) {
    const { figure, pass, runtime, weir, kafka, ratio, floor } = one;
    const name = `${pass === "os" ? "" : `${pass} `}${runtime === "exe" ? "" : `${runtime} `}${figure}`;
    const values = [numberText(weir.value), numberText(kafka.value), ratioText(ratio)];
    const reached = shareOfLimit(one);
    const limitText = reached === null ? "" : `, ${ratioText(reached.share)} of the limit`;
    const floorText = floor === null ? "" : `, floor ${numberText(floor.value)}`;
    console.log(
      `${name.padEnd(width)} ${
        values.map((value) => value.padStart(10)).join(" ")
      } ${weir.unit}${floorText}${limitText}${verdict(one)}`,
    );
  }
  const { metCount, count } = countMet(compared);
  console.log(`${metCount} of ${count} targets met`);
}

function verdict({ target, isMet, ratio }: Pick<Compared, "target" | "isMet" | "ratio">): string {
  return target === null ? "" : ` (${targetText(target)}: ${isMet ? "met" : "MISSED"}${stretchText(target, ratio)})`;
}
