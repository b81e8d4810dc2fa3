/**
 * Configs of the broker: TLS.
 * Names, types, defaults and bounds are Kafka's; the notation is explained in `definition.ts`.
 */

import { boolean, javaClass, list, password, perBroker, string } from "./definition.ts";

export const sslConfigs = {
  "ssl.protocol": string("TLSv1.3", "TLS version used to make contexts.", perBroker),
  "ssl.enabled.protocols": list(["TLSv1.2", "TLSv1.3"], "TLS versions that are accepted.", perBroker),
  "ssl.cipher.suites": list([], "Cipher suites that are accepted; empty for the runtime's own choice.", perBroker),
  "ssl.client.auth": string(
    "none",
    "Whether clients must show a certificate (required), may (requested) or are not asked (none).",
    { oneOf: ["required", "requested", "none"], ...perBroker },
  ),
  "ssl.provider": string(null, "Java security provider of TLS. Without effect here.", perBroker),
  "ssl.engine.factory.class": javaClass(
    null,
    "Java class that makes TLS engines. Java classes are not loaded here.",
    perBroker,
  ),
  "ssl.endpoint.identification.algorithm": string(
    "https",
    "How the name of a server is checked against its certificate; empty for no check.",
    perBroker,
  ),
  "ssl.secure.random.implementation": string(null, "Java's random generator for TLS. Without effect here.", perBroker),
  "ssl.principal.mapping.rules": string(
    "DEFAULT",
    "Rules that make a short principal name from the subject of a client's certificate, tried in order; DEFAULT keeps the subject as it is.",
  ),
  "ssl.allow.dn.changes": boolean(
    false,
    "Whether a new key store, loaded while the broker runs, may have another subject.",
  ),
  "ssl.allow.san.changes": boolean(
    false,
    "Whether a new key store, loaded while the broker runs, may lack alternative names of the old one.",
  ),
  "ssl.keystore.type": string("JKS", "Format of the key store: JKS, PKCS12 or PEM.", perBroker),
  "ssl.keystore.location": string(null, "File with the broker's private key and certificate.", perBroker),
  "ssl.keystore.password": password("Password of the key store.", perBroker),
  "ssl.keystore.key": password("The broker's private key, as PEM text.", perBroker),
  "ssl.keystore.certificate.chain": password("The broker's certificate with its chain, as PEM text.", perBroker),
  "ssl.key.password": password("Password of the private key.", perBroker),
  "ssl.keymanager.algorithm": string("SunX509", "Java's key manager algorithm. Without effect here.", perBroker),
  "ssl.truststore.type": string("JKS", "Format of the trust store: JKS, PKCS12 or PEM.", perBroker),
  "ssl.truststore.location": string(null, "File with the certificates that are trusted.", perBroker),
  "ssl.truststore.password": password("Password of the trust store.", perBroker),
  "ssl.truststore.certificates": password("The certificates that are trusted, as PEM text.", perBroker),
  "ssl.trustmanager.algorithm": string("PKIX", "Java's trust manager algorithm. Without effect here.", perBroker),
};
