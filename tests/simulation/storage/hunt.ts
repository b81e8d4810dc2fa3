/** Plays seeds until one fails: bun tests/simulation/storage/hunt.ts PLAY SEED COUNT. Prints which, or that none did. */

import process from "node:process";
import { Found } from "./crash.ts";
import { playCompacted, playFlipped, playRandom } from "./random.ts";
import { playRot } from "./rot.ts";
import { playRotAnywhere } from "./rot_anywhere.ts";

const plays: Record<string, (seed: number) => Promise<unknown>> = {
  random: playRandom,
  compacted: playCompacted,
  flipped: playFlipped,
  rot: playRot,
  rotAnywhere: playRotAnywhere,
};

const [play = "", first = "1", count = "1"] = process.argv.slice(2);
console.log(await hunt(plays[play]!, Number(first), Number(count)));

async function hunt(play: (seed: number) => Promise<unknown>, first: number, count: number): Promise<string> {
  for (let seed = first; seed < first + count; seed++) {
    try {
      await play(seed);
    } catch (error) {
      if (!(error instanceof Found)) throw error;
      return `found: ${error.message}`;
    }
  }
  return "found nothing";
}
