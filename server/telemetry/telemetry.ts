/**
 * Client metrics (KIP-714): tells clients which of their metrics are wanted, and takes their reports.
 *
 * Clients that find these requests advertised ask, and some say so in their log. So they are only while there is a subscription, as
 * Kafka advertises them only where a plugin wants the reports; a client learns of it when it connects. One that nothing is wanted
 * from asks every five minutes, and reports nothing.
 */
import { CompressionError } from "../../protocol/compression.ts";
import { crc32c } from "../../protocol/crc32c.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { ZERO_UUID } from "../../protocol/schema.ts";
import { MalformedFrame } from "../../protocol/wire.ts";
import type { Clock, Random } from "../../runtime/runtime.ts";
import { METADATA_TOPIC_ID } from "../cluster/topic_name.ts";
import { newTopicId as newUuid } from "../cluster/topic_id.ts";
import { ask, type ClientInstance, newInstance, push } from "./client_instance.ts";
import { ClientInstances } from "./client_instances.ts";
import type { ClientMetricsLog } from "./client_metrics_log.ts";
import { readReport, reportTexts, ReportTooLarge } from "./report.ts";
import type { Subscriptions, Wanted } from "./subscriptions.ts";

/** Who asks or reports. */
export interface TelemetryClient {
  readonly clientId: string;
  readonly softwareName: string;
  readonly softwareVersion: string;
  readonly address: string;
  readonly port: number;
  /** Calls `run` when its connection ends; gives what takes that back. */
  readonly onClose: (run: () => void) => () => void;
}

export interface Report {
  readonly subscriptionId: number;
  readonly isLast: boolean;
  readonly compression: number;
  readonly bytes: Uint8Array;
}

/** `wanted` is null with an error. */
export type AskAnswer =
  | { readonly errorCode: number; readonly wanted: null }
  | { readonly errorCode: number; readonly wanted: Wanted & { readonly id: string; readonly subscriptionId: number } };

export interface TelemetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly subscriptions: Subscriptions;
  readonly log: Pick<ClientMetricsLog, "write">;
  readonly instances?: ClientInstances;
}

/** Ids that no client instance can have. */
const reservedIds: ReadonlySet<string> = new Set([ZERO_UUID, METADATA_TOPIC_ID]);

export class Telemetry {
  readonly #options: TelemetryOptions;
  readonly #instances: ClientInstances;

  constructor(options: TelemetryOptions) {
    this.#options = options;
    this.#instances = options.instances ?? new ClientInstances();
  }

  /** Whether clients that connect now are to ask. */
  get isAdvertised(): boolean {
    return this.#options.subscriptions.isAnyWanted;
  }

  /** @param id zero: it has none yet, and is given one */
  ask(id: string, client: TelemetryClient): AskAnswer {
    const { clock, random } = this.#options;
    const nowMs = clock.monotonicMs();
    const ownId = id === ZERO_UUID ? newUuid(random, (taken) => this.#instances.get(taken, nowMs) !== undefined) : id;
    const [instance, errorCode] = ask(this.#instance(ownId, client, nowMs), nowMs);
    this.#instances.put(ownId, instance, nowMs, client.onClose);
    if (errorCode !== ErrorCode.NONE) return { errorCode, wanted: null };
    const { metrics, intervalMs, subscriptionId } = instance;
    return { errorCode, wanted: { id: ownId, subscriptionId, metrics, intervalMs } };
  }

  /** Takes a report. Resolves with an error code once what it says is in the log. */
  async push(id: string, client: TelemetryClient, report: Report, sizeBytesMax: number): Promise<number> {
    if (reservedIds.has(id)) return ErrorCode.INVALID_REQUEST;
    const nowMs = this.#options.clock.monotonicMs();
    const { subscriptionId, isLast, compression, bytes } = report;
    const pushed = { subscriptionId, isLast, compression, sizeBytes: bytes.length };
    const [instance, refusal] = push(this.#instance(id, client, nowMs), pushed, nowMs, sizeBytesMax);
    const [errorCode, texts] = refusal === ErrorCode.NONE && bytes.length > 0
      ? this.#read(id, client, report, sizeBytesMax)
      : [refusal, []];
    this.#instances.put(id, { ...instance, lastError: errorCode }, nowMs, client.onClose);
    // What nobody wants is looked at, for its errors, and not kept.
    if (texts.length > 0 && instance.metrics.length > 0) {
      await this.#options.log.write(id, texts, this.#options.clock.nowMs());
    }
    return errorCode;
  }

  /** As it was, or made anew where there is none or what is wanted may have changed since. */
  #instance(id: string, client: TelemetryClient, nowMs: number): ClientInstance {
    const { subscriptions } = this.#options;
    const known = this.#instances.get(id, nowMs);
    if (known !== undefined && known.subscriptionsVersion === subscriptions.version) return known;
    const wanted = subscriptions.wantedFrom({
      client_instance_id: id,
      client_id: client.clientId,
      client_software_name: client.softwareName,
      client_software_version: client.softwareVersion,
      client_source_address: client.address,
      client_source_port: String(client.port),
    });
    return newInstance(wanted, subscriptions.version, subscriptionIdOf(wanted, id));
  }

  #read(
    id: string,
    client: TelemetryClient,
    { bytes, compression, isLast }: Report,
    sizeBytesMax: number,
  ): [errorCode: number, texts: readonly string[]] {
    try {
      const head = {
        timeMs: this.#options.clock.nowMs(),
        clientInstanceId: id,
        clientId: client.clientId,
        clientSoftwareName: client.softwareName,
        clientSoftwareVersion: client.softwareVersion,
        clientAddress: client.address,
        clientPort: client.port,
        isLast,
      };
      return [ErrorCode.NONE, reportTexts(head, readReport(bytes, { compression, sizeBytesMax }))];
    } catch (error) {
      if (error instanceof ReportTooLarge) return [ErrorCode.TELEMETRY_TOO_LARGE, []];
      if (error instanceof MalformedFrame || error instanceof CompressionError) return [ErrorCode.INVALID_RECORD, []];
      throw error;
    }
  }
}

/** The same for the same client and the same wishes, and for others most likely another. */
function subscriptionIdOf({ metrics, intervalMs }: Wanted, id: string): number {
  return crc32c(new TextEncoder().encode(JSON.stringify([metrics, intervalMs, id]))) | 0;
}
