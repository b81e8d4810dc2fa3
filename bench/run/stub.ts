/** The broker that answers at once, in a process of its own as the others are. */

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { freePort } from "../../tests/support/broker.ts";
import { TestClient } from "../../tests/support/test_client.ts";
import type { Subject } from "./contender.ts";
import { cpuSecondsOf, memoryOf, type ProcessMemory } from "./process.ts";

export const stubName = "stub that answers at once";

export class StubSubject implements Subject {
  readonly contender = { name: stubName, target: "stub" } as const;

  private constructor(private readonly child: ChildProcess, readonly port: number) {}

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

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.child.pid ?? NaN;
  }

  cpuSeconds(): number {
    return cpuSecondsOf(this.pid);
  }

  memory(): ProcessMemory {
    return memoryOf(this.pid);
  }

  connect(): Promise<TestClient> {
    return TestClient.connect(this.port, { clientId: "bench" });
  }

  async makeTopic(): Promise<void> {}

  async deleteTopic(): Promise<void> {}

  dispose(): void {
    this.child.kill("SIGKILL");
  }
}
