/**
 * What a client may do with a resource, as Metadata and the Describe requests tell it when asked: one bit per operation,
 * numbered as in ACLs. Without an authorizer everybody may do everything the resource knows.
 */
const operation = {
  read: 1 << 3,
  write: 1 << 4,
  create: 1 << 5,
  delete: 1 << 6,
  alter: 1 << 7,
  describe: 1 << 8,
  clusterAction: 1 << 9,
  describeConfigs: 1 << 10,
  alterConfigs: 1 << 11,
  idempotentWrite: 1 << 12,
} as const;

/** "Not asked for": the default of the field. */
export const operationsNotAsked = -2147483648;

export const topicOperations = operation.read | operation.write | operation.create | operation.delete |
  operation.alter | operation.describe | operation.describeConfigs | operation.alterConfigs;

export const clusterOperations = operation.create | operation.alter | operation.describe | operation.clusterAction |
  operation.describeConfigs | operation.alterConfigs | operation.idempotentWrite;

export const groupOperations = operation.read | operation.delete | operation.describe | operation.describeConfigs |
  operation.alterConfigs;
