/** A change of one client quota, as the metadata log has it. */
import { encodeMetadataRecord, type MetadataRecordValue } from "../../protocol/embedded/cluster_metadata.ts";
import type { QuotaEntity } from "./client_quotas.ts";

export interface ClientQuotaRecord {
  readonly kind: "clientQuota";
  readonly entity: QuotaEntity;
  readonly key: string;
  /** null: no longer set. */
  readonly value: number | null;
}

export function encodeClientQuota({ entity, key, value }: ClientQuotaRecord): Uint8Array {
  return encodeMetadataRecord("ClientQuotaRecord", {
    entity: Array.from(entity, ([entityType, entityName]) => ({ entityType, entityName })),
    key,
    value: value ?? 0,
    remove: value === null,
  });
}

export function decodeClientQuota(record: MetadataRecordValue<"ClientQuotaRecord">): ClientQuotaRecord {
  return {
    kind: "clientQuota",
    entity: new Map(record.entity.map(({ entityType, entityName }) => [entityType, entityName])),
    key: record.key,
    value: record.remove ? null : record.value,
  };
}
