import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { X509Certificate } from "node:crypto";
import {
  ClientCertificateCheck,
  type HandshakeOutcome,
  readAlternativeNames,
} from "../../src/transport/tls/client_certificate.ts";
import { type IssuedCertificate, makeAuthority } from "../support/certificates.ts";

function handshake(client: IssuedCertificate, outcome: { authorized: boolean; resumed: boolean }): HandshakeOutcome {
  const certificate = new X509Certificate(client.certificate);
  return {
    authorized: outcome.authorized,
    authorizationError: outcome.authorized ? null : "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    isSessionReused: () => outcome.resumed,
    getPeerCertificate: () => ({ raw: certificate.raw, subject: { CN: "client" } }),
  };
}

function issueClient(): IssuedCertificate {
  return makeAuthority().issue({ commonName: "client", usage: "client" });
}

Deno.test("a resumed session counts if a full handshake has verified its certificate", () => {
  const check = new ClientCertificateCheck(undefined);
  const client = issueClient();
  check.take(handshake(client, { authorized: true, resumed: false }));
  assertEquals(check.take(handshake(client, { authorized: true, resumed: true }))?.fingerprint, client.fingerprint);
});

Deno.test("a resumed session does not count if no full handshake has verified its certificate", () => {
  const check = new ClientCertificateCheck(undefined);
  const client = issueClient();
  assertThrows(() => check.take(handshake(client, { authorized: false, resumed: false })), Error, "not vouched for");
  assertThrows(() => check.take(handshake(client, { authorized: true, resumed: true })), Error, "was not verified");
});

Deno.test("a client certificate of X.509 version 1 is refused with a reason that says what to do", () => {
  const check = new ClientCertificateCheck(undefined);
  const refusal = (version: 1 | 3) => {
    const client = makeAuthority().issue({ commonName: "client", usage: "client", version });
    return assertThrows(() => check.take(handshake(client, { authorized: false, resumed: false })), Error).message;
  };
  assertStringIncludes(refusal(1), "the certificate is of X.509 version 1");
  assertStringIncludes(refusal(1), "issue it anew as version 3, that is with at least one extension");
  assertStringIncludes(refusal(3), "not vouched for");
});

Deno.test("a certificate that has run out since its session began does not count", () => {
  const check = new ClientCertificateCheck(undefined);
  const notBefore = new Date(Date.now() - 2000);
  const notAfter = new Date(Date.now() - 1000);
  const client = makeAuthority().issue({ commonName: "client", usage: "client", notBefore, notAfter });
  assertThrows(() => check.take(handshake(client, { authorized: true, resumed: false })), Error, "is not valid now");
});

Deno.test("no certificate is no fault here", () => {
  const none = {
    authorized: false,
    authorizationError: "",
    isSessionReused: () => false,
    getPeerCertificate: () => ({}),
  };
  assertEquals(new ClientCertificateCheck(undefined).take(none), undefined);
});

Deno.test("subject alternative names are read one by one, whatever they contain", () => {
  const sans = ["DNS:a", "URI:urn:x, DNS:admin", "email:a@b", "IP:10.0.0.1"];
  const { certificate } = makeAuthority().issue({ commonName: "client", sans, usage: "client" });
  assertEquals(readAlternativeNames(new X509Certificate(certificate).raw), sans);
  const nameless = makeAuthority().issue({ commonName: "client", usage: "client" });
  assertEquals(readAlternativeNames(new X509Certificate(nameless.certificate).raw), []);
});

Deno.test("a certificate whose names hold NUL or other control characters does not count", () => {
  const check = new ClientCertificateCheck(undefined);
  const refused = (client: IssuedCertificate, subject: object = { CN: "client" }) => {
    const outcome = handshake(client, { authorized: true, resumed: false });
    const peer = { ...outcome.getPeerCertificate(true), subject };
    assertThrows(() => check.take({ ...outcome, getPeerCertificate: () => peer }), Error, "control characters");
  };
  refused(makeAuthority().issue({ commonName: "client", sans: ["DNS:good\0.evil.example"], usage: "client" }));
  refused(makeAuthority().issue({ commonName: "client", sans: ["DNS:a", "URI:b\nc"], usage: "client" }));
  refused(issueClient(), { CN: "admin\0.example" });
  refused(issueClient(), { O: "x", CN: ["a", "b\x7f"] });
});
