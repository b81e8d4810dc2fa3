/**
 * Configs of the broker: TLS.
 * Names, types, defaults and bounds are Kafka's; the notation is explained in `definition.ts`.
 */

import { boolean, javaClass, list, password, perBroker, string, withoutEffect } from "./definition.ts";

export const sslConfigs = {
  "ssl.protocol": string("TLSv1.3", "TLS version used to make contexts.", { ...perBroker, ...withoutEffect }),
  "ssl.enabled.protocols": list(["TLSv1.2", "TLSv1.3"], "TLS versions that are accepted.", {
    ...perBroker,
    ...withoutEffect,
  }),
  "ssl.cipher.suites": list([], "Cipher suites that are accepted; empty for the runtime's own choice.", {
    ...perBroker,
    ...withoutEffect,
  }),
  "ssl.client.auth": string(
    "none",
    "Whether clients must show a certificate (required), may (requested) or are not asked (none).",
    { oneOf: ["required", "requested", "none"], ...perBroker, ...withoutEffect },
  ),
  "ssl.provider": string(null, "Java security provider of TLS.", { ...perBroker, ...withoutEffect }),
  "ssl.engine.factory.class": javaClass(
    null,
    "Java class that makes TLS engines. Java classes are not loaded here.",
    { ...perBroker, ...withoutEffect },
  ),
  "ssl.endpoint.identification.algorithm": string(
    "https",
    "How the name of a server is checked against its certificate; empty for no check.",
    { ...perBroker, ...withoutEffect },
  ),
  "ssl.secure.random.implementation": string(null, "Java's random generator for TLS.", {
    ...perBroker,
    ...withoutEffect,
  }),
  "ssl.principal.mapping.rules": string(
    "DEFAULT",
    "Rules that make a short principal name from the subject of a client's certificate, tried in order; DEFAULT keeps the subject as it is.",
    withoutEffect,
  ),
  "ssl.allow.dn.changes": boolean(
    false,
    "Whether a new key store, loaded while the broker runs, may have another subject.",
    withoutEffect,
  ),
  "ssl.allow.san.changes": boolean(
    false,
    "Whether a new key store, loaded while the broker runs, may lack alternative names of the old one.",
    withoutEffect,
  ),
  "ssl.keystore.type": string("JKS", "Format of the key store: JKS, PKCS12 or PEM.", {
    ...perBroker,
    ...withoutEffect,
  }),
  "ssl.keystore.location": string(null, "File with the broker's private key and certificate.", {
    ...perBroker,
    ...withoutEffect,
  }),
  "ssl.keystore.password": password("Password of the key store.", { ...perBroker, ...withoutEffect }),
  "ssl.keystore.key": password("The broker's private key, as PEM text.", { ...perBroker, ...withoutEffect }),
  "ssl.keystore.certificate.chain": password("The broker's certificate with its chain, as PEM text.", {
    ...perBroker,
    ...withoutEffect,
  }),
  "ssl.key.password": password("Password of the private key.", { ...perBroker, ...withoutEffect }),
  "ssl.keymanager.algorithm": string("SunX509", "Java's key manager algorithm.", { ...perBroker, ...withoutEffect }),
  "ssl.truststore.type": string("JKS", "Format of the trust store: JKS, PKCS12 or PEM.", {
    ...perBroker,
    ...withoutEffect,
  }),
  "ssl.truststore.location": string(null, "File with the certificates that are trusted.", {
    ...perBroker,
    ...withoutEffect,
  }),
  "ssl.truststore.password": password("Password of the trust store.", { ...perBroker, ...withoutEffect }),
  "ssl.truststore.certificates": password("The certificates that are trusted, as PEM text.", {
    ...perBroker,
    ...withoutEffect,
  }),
  "ssl.trustmanager.algorithm": string("PKIX", "Java's trust manager algorithm.", { ...perBroker, ...withoutEffect }),
};
