/**
 * Configs of the broker: authorization, principals and delegation tokens.
 * Names, types, defaults and bounds are Kafka's; the notation is explained in `definition.ts`.
 */

import { clusterWide, javaClass, list, long, password, perBroker, string, withoutEffect } from "./definition.ts";
import { isNoAuthorizer } from "./rules.ts";

export const securityConfigs = {
  "authorizer.class.name": string(
    "",
    "Class that decides who may do what. There is no authorization here yet: the broker does not start when one is asked for.",
    { satisfies: isNoAuthorizer },
  ),
  "principal.builder.class": javaClass(
    "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder",
    "Java class that makes a principal from a connection. Java classes are not loaded here.",
    { ...perBroker, ...withoutEffect },
  ),
  "security.providers": string(null, "Java security providers.", withoutEffect),
  "config.providers": list([], "Sources that values of the form ${source:path:key} are taken from.", {
    ...clusterWide,
    ...withoutEffect,
  }),
  "delegation.token.secret.key": password(
    "Secret by which delegation tokens are signed; the same on all brokers.",
    withoutEffect,
  ),
  "delegation.token.max.lifetime.ms": long(
    604_800_000,
    "Milliseconds after which a delegation token ends, however often it is renewed.",
    { min: 1, ...withoutEffect },
  ),
  "delegation.token.expiry.time.ms": long(
    86_400_000,
    "Milliseconds after which a delegation token ends unless it is renewed.",
    { min: 1, ...withoutEffect },
  ),
  "delegation.token.expiry.check.interval.ms": long(
    3_600_000,
    "Milliseconds between looks for delegation tokens that have ended.",
    { min: 1, ...withoutEffect },
  ),
};
