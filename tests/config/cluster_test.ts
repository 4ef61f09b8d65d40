/** The section `cluster`: what it stands for, and what is wrong with it. */
import { assertEquals } from "@std/assert";
import { faults, resolved } from "./support.ts";

const resolve = (cluster: unknown) => resolved({ cluster }).cluster;

Deno.test("without the section there is no cluster, and a name alone is enough for one", () => {
  assertEquals(resolve(undefined), undefined);
  assertEquals(resolve({ name: "plant-7" }), {
    name: "plant-7",
    node: undefined,
    log: { type: "nats", servers: ["nats://127.0.0.1:4222"], replicas: 3 },
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
  ["another log", { name: "x", log: { type: "redis" } }, {}, "cluster.log.type: must be"],
  ["another policy", { name: "x", onPartition: "merge" }, {}, "cluster.onPartition: must be "],
];

for (const [what, cluster, rest, fault] of wrong) {
  Deno.test(`${what} is told with its place, and what was expected`, () => {
    const found = faults({ cluster, ...rest });
    assertEquals(found.map((one) => one.slice(0, fault.length)), [fault]);
  });
}
