/** The section `cluster`: what it stands for, and what is wrong with it. */
import { assertEquals } from "@std/assert";
import { faults, resolved } from "./support.ts";

const resolve = (cluster: unknown) => resolved({ cluster }).cluster;

Deno.test("without the section there is no cluster, and a name alone is enough for one", () => {
  assertEquals(resolve(undefined), undefined);
  assertEquals(resolve({ name: "plant-7" }), {
    name: "plant-7",
    node: undefined,
    log: { type: "nats", servers: ["nats://127.0.0.1:4222"], replicas: 3, access: {} },
    hostname: "127.0.0.1",
    port: 7883,
    advertise: undefined,
    tls: undefined,
    failureTimeout: 5,
    onPartition: "degrade",
    maxLinkBytes: 64 * 2 ** 20,
  });
});

Deno.test("paths start from the folder of the config, and the key may stand with the certificate", () => {
  const found = resolve({ name: "x", bind: "10.0.0.1:7000", certfile: "node.pem", cafile: "/ca.pem" });
  assertEquals([found?.hostname, found?.port], ["10.0.0.1", 7000]);
  assertEquals(found?.tls, {
    certfile: "/base/node.pem",
    keyfile: "/base/node.pem",
    cafile: "/ca.pem",
    clientCertificate: "required",
  });
});

Deno.test("how a node signs in at the log's servers stands in absolute paths, and a certificate or tls:// means TLS", () => {
  const accessOf = (log: object) => resolve({ name: "x", log })?.log.access;
  assertEquals(accessOf({ username: "node", "password-file": "p" }), { username: "node", passwordFile: "/base/p" });
  assertEquals(accessOf({ username: "node", password: "p" }), { username: "node", password: "p" });
  assertEquals(accessOf({ "token-file": "/t" }), { tokenFile: "/t" });
  assertEquals(accessOf({ "credentials-file": "node.creds", cafile: "ca.pem" }), {
    credentialsFile: "/base/node.creds",
    tls: { cafile: "/base/ca.pem" },
  });
  assertEquals(accessOf({ servers: ["tls://nats.example.org:4222"] }), { tls: {} });
  assertEquals(accessOf({ certfile: "a.pem" }), { tls: { certfile: "/base/a.pem", keyfile: "/base/a.pem" } });
});

Deno.test("a secret that goes to other machines without TLS, and a sign-in at no servers, are warned of", () => {
  const warnings = (log: object) => resolved({ cluster: { name: "x", log } }).warnings;
  const user = { username: "node", password: "p" };
  assertEquals(warnings(user), []);
  assertEquals(warnings({ servers: ["nats://[::1]:4222", "nats://localhost:4222"], ...user }), []);
  assertEquals(warnings({ servers: ["tls://10.0.0.1:4222"], ...user }), []);
  assertEquals(warnings({ servers: ["nats://10.0.0.1:4222"], "credentials-file": "a" }), []);
  const end = "without TLS: everybody on the way can read it (tls:// addresses, cafile)";
  assertEquals(warnings({ servers: ["nats://10.0.0.1:4222"], ...user }), [`cluster.log: sends its password ${end}`]);
  assertEquals(warnings({ servers: ["nats://10.0.0.1:4222"], tokenFile: "t" }), [
    `cluster.log: sends its token ${end}`,
  ]);
  assertEquals(warnings({ type: "memory", tokenFile: "t" }), ["cluster.log.tokenFile: has no effect: type is memory"]);
});

const wrong: readonly (readonly [string, unknown, object, string])[] = [
  ["no name", {}, {}, "cluster: needs a name: got none"],
  ["a name with spaces", { name: "a b" }, {}, 'cluster.name: must be 1 to 64 letters, digits, "-" and "_": got "a b"'],
  ["a node with a slash", { name: "x", node: "a/b" }, {}, "cluster.node: must be 1 to 128 letters"],
  ["no certificates beyond loopback", { name: "x", bind: "10.0.0.1" }, {}, "cluster: needs certfile and cafile beyond"],
  [
    "a certificate without authority",
    { name: "x", certfile: "a" },
    {},
    "cluster: needs both certfile and cafile: got no",
  ],
  ["a unix socket", { name: "x", bind: "unix:/a", certfile: "a", cafile: "b" }, {}, "cluster.bind: must be host:port"],
  ["an address without port", { name: "x", advertise: "host" }, {}, "cluster.advertise: must be host:port"],
  ["a store beside", { name: "x" }, { persistence: { type: "sqlite" } }, "cluster: cannot be together with a store"],
  ["no server", { name: "x", log: { servers: [] } }, {}, "cluster.log.servers: must be a list of servers"],
  [
    "a server of another kind",
    { name: "x", log: { servers: ["http://a"] } },
    {},
    "cluster.log.servers[0]: must be a server",
  ],
  [
    "a user of the server",
    { name: "x", log: { servers: ["nats://127.0.0.1:4222", "nats://ada:secret@127.0.0.1:4222"] } },
    {},
    "cluster.log.servers[1]: must be a server such as nats://10.0.0.1:4222: got one with a user name",
  ],
  [
    "too many replicas",
    { name: "x", log: { replicas: 6 } },
    {},
    "cluster.log.replicas: must be 1 to 5: got 6",
  ],
  [
    "addresses with and without TLS",
    { name: "x", log: { servers: ["nats://a:1", "tls://b:1"] } },
    {},
    "cluster.log.servers: must be all tls:// or all nats://: got both",
  ],
  [
    "a password beside a file of it",
    { name: "x", log: { username: "node", password: "p", "password-file": "f" } },
    {},
    "cluster.log.password-file: password and password-file are two ways to say the same: give one of them",
  ],
  [
    "a user beside a token",
    { name: "x", log: { username: "node", password: "p", "token-file": "f" } },
    {},
    "cluster.log.token-file: username, token-file and credentials-file are different ways to sign in: give one",
  ],
  [
    "a token beside credentials",
    { name: "x", log: { "token-file": "f", "credentials-file": "f" } },
    {},
    "cluster.log.credentials-file: username, token-file and credentials-file are different ways to sign in: give one",
  ],
  [
    "a user without password",
    { name: "x", log: { username: "node" } },
    {},
    "cluster.log.username: needs password-file or password",
  ],
  [
    "a password without user",
    { name: "x", log: { "password-file": "f" } },
    {},
    "cluster.log.password-file: needs username",
  ],
  [
    "a key without certificate",
    { name: "x", log: { keyfile: "f" } },
    {},
    "cluster.log.keyfile: needs certfile: a key without its certificate proves nothing",
  ],
  [
    "credentials in place of their path",
    { name: "x", log: { "credentials-file": "-----BEGIN NATS USER JWT-----" } },
    {},
    "cluster.log.credentials-file: must be the path of a file: got what it holds, which is not shown",
  ],
  ["another log", { name: "x", log: { type: "redis" } }, {}, "cluster.log.type: must be"],
  ["another policy", { name: "x", onPartition: "merge" }, {}, "cluster.onPartition: must be "],
];

for (const [what, cluster, rest, fault] of wrong) {
  Deno.test(`${what} is told with its place, and what was expected`, () => {
    const found = faults({ cluster, ...rest });
    assertEquals(found.map((one) => one.slice(0, fault.length)), [fault]);
  });
}
