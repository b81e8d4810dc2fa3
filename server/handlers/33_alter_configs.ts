/**
 * AlterConfigs: v0–v2.
 *
 * v1 answers before it throttles · v2 flexible
 *
 * Sets the whole configuration of a resource: what is not named goes back to its default. Loggers cannot be set this way.
 */
import { alterConfigs } from "../../protocol/api/33_alter_configs.ts";
import { ConfigOperation, planReplacement } from "../config/alter.ts";
import { alterResource, alterResources } from "../config/alter_resource.ts";
import { handle } from "../handler.ts";

export const alterConfigsHandler = handle(alterConfigs, [0, 2], async ({ resources, validateOnly }, { broker }) => ({
  throttleTimeMs: 0,
  responses: await alterResources(resources, (resource) =>
    alterResource(broker, resource, {
      requested: resource.configs.map((config) => ({ ...config, operation: ConfigOperation.SET })),
      plan: planReplacement,
      validateOnly,
    })),
}));
