/** Files in a partition's folder that a later program wrote: nothing is known of them but that they are not ours to change. */
import { describe, expect, test } from "bun:test";
import { type Log } from "../../../storage/log.ts";
import { append, appendEach, DATA, valuesOf, World } from "./support.ts";

const FOLDER = `${DATA}/orders-0`;
const EPOCHS = `${FOLDER}/leader-epoch-checkpoint`;

function put(world: World, path: string, content: string | Uint8Array): Uint8Array {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const handle = world.runtime.files.open(path, { create: true, truncate: true });
  handle.write([bytes], 0);
  handle.syncDataNow();
  handle.close();
  world.runtime.files.syncDirectory(FOLDER);
  return bytes;
}

/** A stopped world with records of a producer. */
async function stopped({ clean }: { readonly clean: boolean }): Promise<World> {
  const world = await World.open();
  append(world.log(), { values: ["a"], producer: { id: 5, epoch: 0, sequence: 0 } });
  await world.until(world.log().sync());
  if (clean) await world.until(world.dir.close({ clean: true }));
  else world.crash("lost");
  return world;
}

function refusal(log: Log): string {
  try {
    append(log, { values: ["b"], producer: { id: 5, epoch: 0, sequence: 1 } });
  } catch (error) {
    return (error as Error).message;
  }
  return "taken";
}

describe("a leader epoch checkpoint of a later version", () => {
  for (const clean of [true, false]) {
    test(`takes the partition offline and stays as it is, after a ${clean ? "stop in order" : "crash"}`, async () => {
      const world = await stopped({ clean });
      const bytes = put(world, EPOCHS, "1\n1\n0 0 somewhere\n");
      await world.open();
      expect(refusal(world.log())).toContain(`"${EPOCHS}": its version is "1"`);
      expect(world.log().isOffline).toBe(true);
      expect(world.eventNames().filter((name) => name === "log-offline").length).toBe(1);
      expect(world.eventNames()).not.toContain("leader-epochs-lost");
      appendEach(world.log("other"), "c");
      await world.until(world.dir.close({ clean: true }));
      expect(world.runtime.files.readFile(EPOCHS)).toEqual(bytes);
    });
  }

  test("is not taken for a damaged one, which is made again", async () => {
    const world = await stopped({ clean: true });
    put(world, EPOCHS, "0\n2\n0 0\n");
    await world.open();
    appendEach(world.log(), "b");
    expect(valuesOf(world.log())).toEqual(["a", "b"]);
    expect(world.eventNames()).toContain("leader-epochs-lost");
  });
});

describe("a producer snapshot of a later version", () => {
  for (const clean of [true, false]) {
    test(`takes the partition offline and stays as it is, after a ${clean ? "stop in order" : "crash"}`, async () => {
      const world = await stopped({ clean });
      const path = `${FOLDER}/00000000000000000001.snapshot`;
      const bytes = put(world, path, new Uint8Array([0, 2, 9, 9, 9, 9, 0, 0, 0, 0, 1, 2, 3]));
      await world.open();
      expect(refusal(world.log())).toContain(`"${path}": its version is 2, this program knows 1`);
      expect(world.log().isOffline).toBe(true);
      expect(world.eventNames().filter((name) => name === "log-offline").length).toBe(1);
      expect(world.eventNames()).not.toContain("snapshot-damaged");
      await world.until(world.dir.close({ clean: true }));
      expect(world.runtime.files.readFile(path)).toEqual(bytes);
    });
  }
});
