/**
 * What has moved since the last run on such a machine that was stored: one of the same scale and warm-up where there is one, else
 * a whole run. It informs; noise is no failure.
 */

import { allLines, type RunLine } from "../results.ts";
import { compare, type Compared, ratioText } from "./comparison.ts";

const movedPart = 0.1;

export function printMoved(lines: readonly RunLine[]): void {
  const moved = movedSince(lines, allLines());
  if (moved === null) console.log(`No run on "${lines[0]?.machine}" is stored: nothing to compare with`);
  else console.log([...moved, `${moved.length} of the ratios moved by more than ${movedPart * 100} %`].join("\n"));
}

/** A line for each ratio that moved; null when nothing of the same machine is stored. */
export function movedSince(lines: readonly RunLine[], stored: readonly RunLine[]): string[] | null {
  const keyOf = ({ runtime, pass, figure }: Compared) => `${runtime} ${pass} ${figure}`;
  // What another generator made is another load.
  const ofMachine = stored.filter(({ machine, generator }) =>
    machine === lines[0]?.machine && generator === lines[0].generator
  );
  const whole = ofMachine.filter(({ run }) => !run.endsWith("short"));
  const alike = ofMachine.filter((one) => lines.some((line) => isAlike(one, line)));
  const before = new Map([...compare(whole), ...compare(alike)].map((compared) => [keyOf(compared), compared]));
  if (before.size === 0) return null;
  return compare(lines).flatMap((now) => {
    const then = before.get(keyOf(now));
    if (then === undefined || Math.abs(now.ratio / then.ratio - 1) <= movedPart) return [];
    const isBetter = (now.ratio > then.ratio) === (now.weir.kind === "rate");
    const was = `${ratioText(then.ratio)} of Kafka's at ${then.weir.commit}`;
    return [
      `moved: ${now.figure} (${now.pass}, ${now.runtime}): ${was}, now ${ratioText(now.ratio)}: ${
        isBetter ? "better" : "worse"
      }`,
    ];
  });
}

/** More of a load is a warmer JVM: ratios of other scales differ for that alone. */
function isAlike(one: RunLine, other: RunLine): boolean {
  return one.row === other.row && one.scale === other.scale && one.warmUp === other.warmUp;
}
