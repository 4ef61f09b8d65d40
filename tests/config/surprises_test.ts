import { assertEquals } from "@std/assert";
import { faults, resolved } from "./support.ts";

const warnings = (config: unknown) => resolved(config).warnings;
const open = { auth: { "allow-anonymous": true } };

Deno.test("a listener beyond loopback that lets nobody in is pointed out", () => {
  const nobody = (name: string, host: string) =>
    `listeners.${name}: lets nobody in on ${host}: without auth, clients may come in on loopback only. Give auth with a ` +
    "password-file, or with allow-anonymous: true";
  assertEquals(warnings({ listeners: { a: { bind: 1883 }, b: { bind: "127.0.0.1:1" }, c: { bind: "h:2" } } }), [
    nobody("a", "0.0.0.0"),
    nobody("c", "h"),
  ]);
  assertEquals(
    warnings({ listeners: { a: { bind: "[::1]:1" }, b: { bind: "localhost" }, c: { type: "external" } } }),
    [],
  );
  const listeners = { a: { bind: 1883 } };
  assertEquals(warnings({ listeners, ...open }), []);
  assertEquals(warnings({ listeners, plugins: ["./mine.ts"] }), []);
  assertEquals(warnings({ listeners, plugins: ["auth_anonymous"] }), []);
  assertEquals(warnings({}), []);
});

Deno.test("an auth section that lets nobody in is pointed out", () => {
  const nobody = "auth: lets nobody in: allow-anonymous is false, and there is no password-file. Give one of them";
  assertEquals(warnings({ auth: { "allow-anonymous": false } }), [nobody]);
  assertEquals(warnings({ auth: {} }), [nobody]);
  assertEquals(warnings({ auth: { "allow-anonymous": false }, plugins: ["auth_anonymous"] }), [nobody]);
  assertEquals(warnings({ auth: { "allow-anonymous": false, "password-file": "p" } }), []);
  assertEquals(warnings({ auth: { "allow-anonymous": false, plugins: ["auth.anonymous", "./mine.ts"] } }), []);
  const tls = { bind: 1, ssl: true, certfile: "c", keyfile: "k", cafile: "a", "username-from-certificate": "cn" };
  assertEquals(warnings({ auth: {}, listeners: { a: tls } }), []);
});

Deno.test("a default listener that does not listen, so that nothing serves port 1883, is pointed out", () => {
  const gone =
    "listeners.default: has no bind and does not listen, since there are other listeners: nothing serves port " +
    "1883. Give it bind: 0.0.0.0:1883 to listen as in aMQTT, or bind: null if that is meant";
  const beside = { tls: { bind: "127.0.0.1:8883" } };
  assertEquals(warnings({ ...open, listeners: { default: { type: "tcp" }, ...beside } }), [gone]);
  assertEquals(warnings({ ...open, listeners: { default: null, ...beside } }), [gone]);
  assertEquals(warnings({ ...open, listeners: { default: { bind: null }, ...beside } }), []);
  assertEquals(warnings({ ...open, listeners: { default: { bind: 1884 }, ...beside } }), []);
  assertEquals(warnings({ ...open, listeners: { default: { type: "ws" }, ...beside } }), []);
  assertEquals(warnings({ ...open, listeners: { default: {}, a: { bind: 1883 }, ...beside } }), []);
  assertEquals(warnings({ ...open, listeners: beside }), []);
  assertEquals(warnings({ ...open, listeners: { default: { type: "tcp" } } }), []);
});

Deno.test("an address that cannot be read is one fault, and is not taken from another listener", () => {
  assertEquals(faults({ listeners: { a: { bind: "0.0.0.0:x" }, b: { bind: 1883 } } }), [
    "listeners.a.bind: port must be 0 to 65535: got x",
  ]);
  assertEquals(faults({ listeners: { a: { bind: 1883 }, b: { bind: "0.0.0.0:x" }, c: { bind: 1883 } } }), [
    "listeners.b.bind: port must be 0 to 65535: got x",
    "listeners.c.bind: 0.0.0.0:1883 is taken by listener a: give one of them another address",
  ]);
  assertEquals(faults({ listeners: { a: { type: "tpc" }, b: { bind: 1883 } } }), [
    'listeners.a.type: must be tcp, ws or external: got "tpc"',
  ]);
});
