/** The broker that answers at once, in a process of its own as the others are. */

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { freePort } from "../../tests/support/broker.ts";
import type { Subject } from "./contender.ts";
import { ProcessSubject } from "./process_subject.ts";

export const stubName = "stub that answers at once";

export class StubSubject extends ProcessSubject implements Subject {
  readonly contender = { name: stubName, target: "stub" } as const;

  private constructor(private readonly child: ChildProcess, readonly port: number) {
    super();
  }

  static async start(): Promise<StubSubject> {
    const port = await freePort();
    const program = fileURLToPath(new URL("stub_broker.ts", import.meta.url));
    const child = spawn(process.execPath, [program, `${port}`], { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise<void>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`The stub ended with ${code}`)));
      child.stdout.once("data", () => resolve());
    });
    return new StubSubject(child, port);
  }

  get pid(): number {
    return this.child.pid ?? NaN;
  }

  async makeTopic(): Promise<void> {}

  async deleteTopic(): Promise<void> {}

  dispose(): void {
    this.child.kill("SIGKILL");
  }
}
