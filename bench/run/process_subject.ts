/** What is the same of every subject: a process that listens on a port. */

import { TestClient } from "../../tests/support/test_client.ts";
import { cpuSecondsOf, memoryOf, type ProcessMemory } from "./process.ts";

export abstract class ProcessSubject {
  abstract readonly port: number;
  abstract readonly pid: number;

  get address(): string {
    return `127.0.0.1:${this.port}`;
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
}
