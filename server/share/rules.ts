/** The rules by which a group goes through partitions, from the broker's configs and those that are set for the group itself. */
import type { BrokerConfig } from "../config.ts";
import { within } from "../groups/modern/rules.ts";
import type { SharePartitionRules } from "./partition/state.ts";

export interface ShareRules extends SharePartitionRules {
  readonly isReadCommitted: boolean;
  readonly offsetReset: OffsetReset;
}

/** Where a group begins in a partition that is new to it: with the records of the last so many milliseconds, or at an end. */
export type OffsetReset = "earliest" | "latest" | { readonly durationMs: number };

export function shareRules(config: Pick<BrokerConfig, "get">, own: ReadonlyMap<string, string>): ShareRules {
  return {
    lockMs: within(
      own.get("share.record.lock.duration.ms"),
      config.get("group.share.record.lock.duration.ms"),
      [config.get("group.share.min.record.lock.duration.ms"), config.get("group.share.max.record.lock.duration.ms")],
    ),
    deliveryCountMax: within(
      own.get("share.delivery.count.limit"),
      config.get("group.share.delivery.count.limit"),
      [config.get("group.share.min.delivery.count.limit"), config.get("group.share.max.delivery.count.limit")],
    ),
    inFlightMax: within(
      own.get("share.partition.max.record.locks"),
      config.get("group.share.partition.max.record.locks"),
      [
        config.get("group.share.min.partition.max.record.locks"),
        config.get("group.share.max.partition.max.record.locks"),
      ],
    ),
    isRenewable: own.get("share.renew.acknowledge.enable") !== "false",
    isReadCommitted: own.get("share.isolation.level") === "read_committed",
    offsetReset: offsetReset(own.get("share.auto.offset.reset") ?? "latest"),
  };
}

/** The text was checked when it was set. */
export function offsetReset(text: string): OffsetReset {
  const name = text.toLowerCase();
  if (name === "earliest" || name === "latest") return name;
  const [, days, hours, minutes, seconds] =
    /^by_duration:P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/i.exec(text) ?? [];
  const parts = [[days, 86_400], [hours, 3_600], [minutes, 60], [seconds, 1]] as const;
  return { durationMs: parts.reduce((sum, [count, unit]) => sum + Number(count ?? 0) * unit * 1_000, 0) };
}
