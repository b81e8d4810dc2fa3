/**
 * Configs of the broker: SASL.
 * Names, types, defaults and bounds are Kafka's; the notation is explained in `definition.ts`.
 */

import {
  boolean,
  double,
  int,
  javaClass,
  list,
  long,
  password,
  perBroker,
  short,
  string,
  withoutEffect,
} from "./definition.ts";

export const saslConfigs = {
  "sasl.enabled.mechanisms": list(
    ["GSSAPI"],
    "SASL mechanisms that clients may use, on listeners whose protocol has SASL.",
    { ...perBroker, ...withoutEffect },
  ),
  "sasl.mechanism.inter.broker.protocol": string(
    "GSSAPI",
    "SASL mechanism that brokers use among themselves.",
    { ...perBroker, ...withoutEffect },
  ),
  "sasl.mechanism.controller.protocol": string(
    "GSSAPI",
    "SASL mechanism towards Kafka's controllers.",
    withoutEffect,
  ),
  "sasl.jaas.config": password(
    "Login modules with their options, in JAAS form; set for one listener and mechanism as listener.name.LISTENER.MECHANISM.sasl.jaas.config.",
    { ...perBroker, ...withoutEffect },
  ),
  "sasl.server.callback.handler.class": javaClass(
    null,
    "Java class that answers the callbacks of the server's login module. Java classes are not loaded here.",
    withoutEffect,
  ),
  "sasl.client.callback.handler.class": javaClass(
    null,
    "Java class that answers the callbacks of the client's login module. Java classes are not loaded here.",
    withoutEffect,
  ),
  "sasl.login.class": javaClass(null, "Java class that logs in. Java classes are not loaded here.", withoutEffect),
  "sasl.login.callback.handler.class": javaClass(
    null,
    "Java class that answers the callbacks of the login. Java classes are not loaded here.",
    withoutEffect,
  ),
  "sasl.server.max.receive.size": int(
    524_288,
    "Largest SASL message accepted before a client is authenticated, in bytes.",
    withoutEffect,
  ),
  "sasl.login.connect.timeout.ms": int(
    null,
    "Milliseconds to wait for a connection to an external provider of tokens; not set means no limit.",
    withoutEffect,
  ),
  "sasl.login.read.timeout.ms": int(
    null,
    "Milliseconds to wait for an answer of an external provider of tokens; not set means no limit.",
    withoutEffect,
  ),
  "sasl.login.refresh.window.factor": double(
    0.8,
    "Share of a credential's life after which it is refreshed, from 0.5 to 1.",
    { ...perBroker, ...withoutEffect },
  ),
  "sasl.login.refresh.window.jitter": double(
    0.05,
    "Share of a credential's life by which the refresh is moved at random, from 0 to 0.25.",
    { ...perBroker, ...withoutEffect },
  ),
  "sasl.login.refresh.min.period.seconds": short(
    60,
    "Seconds that a credential is kept at least before it is refreshed.",
    { ...perBroker, ...withoutEffect },
  ),
  "sasl.login.refresh.buffer.seconds": short(
    300,
    "Seconds before the end of a credential by which it should be refreshed.",
    { ...perBroker, ...withoutEffect },
  ),
  "sasl.login.retry.backoff.ms": long(
    100,
    "Milliseconds before a failed request to an external provider of tokens is repeated, at first.",
    withoutEffect,
  ),
  "sasl.login.retry.backoff.max.ms": long(
    10_000,
    "Upper bound, in milliseconds, of the growing wait before a request to a provider of tokens is repeated.",
    withoutEffect,
  ),
  "sasl.kerberos.service.name": string(null, "Name of the service in Kerberos that the brokers run as.", {
    ...perBroker,
    ...withoutEffect,
  }),
  "sasl.kerberos.kinit.cmd": string("/usr/bin/kinit", "Path of Kerberos's kinit command.", {
    ...perBroker,
    ...withoutEffect,
  }),
  "sasl.kerberos.ticket.renew.window.factor": double(
    0.8,
    "Share of a Kerberos ticket's life after which it is renewed.",
    { ...perBroker, ...withoutEffect },
  ),
  "sasl.kerberos.ticket.renew.jitter": double(
    0.05,
    "Share of the renewal time of a Kerberos ticket that is added at random.",
    { ...perBroker, ...withoutEffect },
  ),
  "sasl.kerberos.min.time.before.relogin": long(
    60_000,
    "Milliseconds between two attempts to renew a Kerberos ticket.",
    { ...perBroker, ...withoutEffect },
  ),
  "sasl.kerberos.principal.to.local.rules": list(
    ["DEFAULT"],
    "Rules that make a short name from a Kerberos principal, tried in order.",
    { ...perBroker, ...withoutEffect },
  ),
  "sasl.oauthbearer.scope.claim.name": string("scope", "Claim of a token that holds its scope.", withoutEffect),
  "sasl.oauthbearer.sub.claim.name": string("sub", "Claim of a token that holds its subject.", withoutEffect),
  "sasl.oauthbearer.scope": string(null, "Scope to ask a provider of tokens for.", withoutEffect),
  "sasl.oauthbearer.token.endpoint.url": string(
    null,
    "Address of the provider of tokens; a file address names a token on disk.",
    withoutEffect,
  ),
  "sasl.oauthbearer.jwks.endpoint.url": string(
    null,
    "Address of the keys that tokens are verified with.",
    withoutEffect,
  ),
  "sasl.oauthbearer.jwks.endpoint.refresh.ms": long(
    3_600_000,
    "Milliseconds between refreshes of the keys that tokens are verified with.",
    withoutEffect,
  ),
  "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms": long(
    100,
    "Milliseconds before a failed request for keys is repeated, at first.",
    withoutEffect,
  ),
  "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms": long(
    10_000,
    "Upper bound, in milliseconds, of the growing wait before a request for keys is repeated.",
    withoutEffect,
  ),
  "sasl.oauthbearer.clock.skew.seconds": int(
    30,
    "Seconds by which the clocks of broker and provider of tokens may differ.",
    withoutEffect,
  ),
  "sasl.oauthbearer.expected.audience": list(
    [],
    "Audiences, one of which a token must be made for; empty for no check.",
    withoutEffect,
  ),
  "sasl.oauthbearer.expected.issuer": string(
    null,
    "Issuer that a token must come from; not set means no check.",
    withoutEffect,
  ),
  "sasl.oauthbearer.allow.unverified.audience": boolean(
    false,
    "Whether tokens are accepted without an expected audience being configured.",
    withoutEffect,
  ),
  "sasl.oauthbearer.allow.unverified.issuer": boolean(
    false,
    "Whether tokens are accepted without an expected issuer being configured.",
    withoutEffect,
  ),
  "sasl.oauthbearer.jwt.retriever.class": javaClass(
    "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever",
    "Java class that gets tokens. Java classes are not loaded here.",
    withoutEffect,
  ),
  "sasl.oauthbearer.jwt.validator.class": javaClass(
    "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator",
    "Java class that checks tokens. Java classes are not loaded here.",
    withoutEffect,
  ),
  "sasl.oauthbearer.client.credentials.client.id": string(
    null,
    "Client id to ask a provider of tokens with.",
    withoutEffect,
  ),
  "sasl.oauthbearer.client.credentials.client.secret": password(
    "Client secret to ask a provider of tokens with.",
    withoutEffect,
  ),
  "sasl.oauthbearer.assertion.algorithm": string(
    "RS256",
    "Algorithm that assertions sent to a provider of tokens are signed with.",
    { oneOf: ["ES256", "RS256"], ignoreCase: true, ...withoutEffect },
  ),
  "sasl.oauthbearer.assertion.claim.aud": string(null, "Audience that an assertion names.", withoutEffect),
  "sasl.oauthbearer.assertion.claim.iss": string(null, "Issuer that an assertion names.", withoutEffect),
  "sasl.oauthbearer.assertion.claim.sub": string(null, "Subject that an assertion names.", withoutEffect),
  "sasl.oauthbearer.assertion.claim.exp.seconds": int(300, "Seconds after which an assertion ends.", {
    min: 0,
    max: 86_400,
    ...withoutEffect,
  }),
  "sasl.oauthbearer.assertion.claim.nbf.seconds": int(
    60,
    "Seconds before its making from which an assertion is valid.",
    { min: 0, max: 3600, ...withoutEffect },
  ),
  "sasl.oauthbearer.assertion.claim.jti.include": boolean(
    false,
    "Whether an assertion gets an id of its own.",
    withoutEffect,
  ),
  "sasl.oauthbearer.assertion.file": string(null, "File with a finished assertion.", withoutEffect),
  "sasl.oauthbearer.assertion.private.key.file": string(
    null,
    "File with the private key, as PEM, that assertions are signed with.",
    withoutEffect,
  ),
  "sasl.oauthbearer.assertion.private.key.passphrase": password(
    "Passphrase of the private key that assertions are signed with.",
    withoutEffect,
  ),
  "sasl.oauthbearer.assertion.template.file": string(
    null,
    "File with headers and claims, as JSON, that are added to assertions.",
    withoutEffect,
  ),
};
