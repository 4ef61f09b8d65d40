/** Config files in the shapes that HBMQTT, aMQTT up to 0.10 and Home Assistant's former broker publish or generate. */
import { assertEquals } from "@std/assert";
import { faults, plugins, resolved } from "./support.ts";

const sys: [string, unknown] = ["broker_sys", { interval: 20 }];
const warnings = (config: unknown) => resolved(config).warnings;
const anonymous = (allowAnonymous: boolean): [string, unknown] => ["auth.anonymous", { allowAnonymous }];
const file = (passwordFile: string): [string, unknown] => ["auth.file", { passwordFile, authConcurrency: 2 }];
const everywhere = { default: { type: "tcp", bind: "0.0.0.0:1883" } };
const NO_FILE = "auth.file has no password-file: nobody can sign in with a user name";
const COVERS = "topic-check.acl: covers publishing and receiving here, not only subscribing as in aMQTT: name it " +
  "subscribe-acl to keep that meaning, or give publish-acl, too";

Deno.test("the default config of HBMQTT and of aMQTT up to 0.10 lets anonymous clients in", () => {
  const config = {
    listeners: everywhere,
    sys_interval: 20,
    auth: { "allow-anonymous": true },
    plugins: ["auth_file", "auth_anonymous"],
    "topic-check": { enabled: false },
  };
  assertEquals(plugins(config), [anonymous(true), sys]);
  assertEquals(resolved(config).anonymous, "plugins");
  assertEquals(resolved(config).topicCheck, false);
  assertEquals(warnings(config), [`plugins[0]: ${NO_FILE}`]);
});

Deno.test("the default config with its plugins in auth does the same", () => {
  const config = { listeners: everywhere, auth: { "allow-anonymous": true, plugins: ["auth_file", "auth_anonymous"] } };
  assertEquals(plugins(config).slice(0, 1), [anonymous(true)]);
  assertEquals(warnings(config), [`auth.plugins[0]: ${NO_FILE}`]);
});

Deno.test("the config that is built into HBMQTT is read", () => {
  const config = { "timeout-disconnect-delay": 2, auth: { "allow-anonymous": true, "password-file": null } };
  assertEquals(plugins(config)[0], anonymous(true));
  assertEquals(resolved(config).limits.timeoutDisconnectDelay, 2);
});

const homeAssistant = (auth: unknown, plugins: readonly string[]) => ({
  listeners: {
    default: { "max-connections": 50000, bind: "0.0.0.0:1883", type: "tcp" },
    "ws-1": { bind: "0.0.0.0:8080", type: "ws" },
  },
  auth,
  plugins,
  "topic-check": { enabled: true, plugins: ["topic_taboo"] },
});

Deno.test("the config that Home Assistant made without a password lets anonymous clients in", () => {
  const config = homeAssistant({ "allow-anonymous": true }, ["auth_anonymous"]);
  assertEquals(plugins(config), [anonymous(true), ["topic_taboo", undefined], sys]);
  assertEquals(resolved(config).listeners.map(({ type, port }) => [type, port]), [["tcp", 1883], ["ws", 8080]]);
  assertEquals(warnings(config).map((warning) => warning.split(":")[0]), ["listeners.ws-1.hosts"]);
});

Deno.test("the config that Home Assistant made with a password lets users of its file in and nobody else", () => {
  const auth = { "allow-anonymous": false, "password-file": "/tmp/passwd" };
  const config = homeAssistant(auth, ["auth_anonymous", "auth_file"]);
  assertEquals(plugins(config), [anonymous(false), file("/tmp/passwd"), ["topic_taboo", undefined], sys]);
  assertEquals(resolved(config).plugins.map(({ place }) => place).slice(0, 2), ["plugins[0]", "plugins[1]"]);
  assertEquals(warnings(config).map((warning) => warning.split(":")[0]), ["listeners.ws-1.hosts"]);
});

Deno.test("the samples of HBMQTT are read: a password file, taboo topics, permissions by user", () => {
  const listeners = { ...everywhere, "ws-mqtt": { bind: "127.0.0.1:8080", type: "ws", max_connections: 10 } };
  const auth = { "allow-anonymous": true, "password-file": "passwd", plugins: ["auth_file", "auth_anonymous"] };
  const signIn = [file("/base/passwd"), anonymous(true)];
  const without = { listeners, sys_interval: 10, auth, "topic-check": { enabled: false } };
  assertEquals(plugins(without).slice(0, 2), signIn);
  const taboo = { ...without, "topic-check": { enabled: true, plugins: ["topic_taboo"] } };
  assertEquals(plugins(taboo).slice(0, 3), [...signIn, ["topic_taboo", undefined]]);
  const acl = { test: ["repositories/+/master", "calendar/#", "data/memes"], anonymous: [] };
  const lists = { ...without, "topic-check": { enabled: true, plugins: ["topic_acl"], acl } };
  assertEquals(plugins(lists).slice(0, 3), [...signIn, ["topic_acl", { acl }]]);
  assertEquals(warnings(lists), [COVERS]);
});

Deno.test("a bundled sign-in in the general list is the one that auth configures, wherever else it is named", () => {
  const auth = { "allow-anonymous": false, "password-file": "p" };
  const expected = [anonymous(false), file("/base/p")];
  const signIn = (config: unknown) => plugins(config).slice(0, 2);
  assertEquals(signIn({ auth, plugins: ["auth_anonymous"] }), expected);
  assertEquals(signIn({ auth, plugins: { auth_anonymous: null, "auth.file": {} } }), expected);
  assertEquals(
    signIn({ auth: { ...auth, plugins: ["auth_anonymous", "auth_file"] }, plugins: ["auth_file", "auth_anonymous"] }),
    expected,
  );
  assertEquals(signIn({ auth: { ...auth, plugins: ["auth_anonymous"] }, plugins: ["auth_file"] }), expected);
  // Options of its own win, as in `auth.plugins`.
  assertEquals(signIn({ auth, plugins: ["auth_anonymous", { auth_file: { "password-file": "/q" } }] }), [
    anonymous(false),
    file("/q"),
  ]);
});

Deno.test("auth_file without a password file is refused where nothing else lets anybody in", () => {
  const need = (place: string) => [`${place}: auth.file needs a password-file: got none`];
  assertEquals(faults({ auth: { "allow-anonymous": false }, plugins: ["auth_file"] }), need("plugins[0]"));
  assertEquals(
    faults({ auth: { "allow-anonymous": false, plugins: ["auth_anonymous", "auth_file"] } }),
    need("auth.plugins[1]"),
  );
});

Deno.test("a bundled plugin for topics in the general list is the one that topic-check configures", () => {
  const acl = { alice: ["a/#"] };
  const section = { enabled: true, "subscribe-acl": acl };
  const expected: [string, unknown][] = [["topic_acl", { subscribeAcl: acl }], sys];
  assertEquals(plugins({ "topic-check": section, plugins: ["topic_acl"] }), expected);
  assertEquals(plugins({ "topic-check": { ...section, plugins: ["topic_acl"] }, plugins: ["topic_acl"] }), expected);
  const off = { "topic-check": { enabled: false }, plugins: ["topic_acl", "topic_taboo"] };
  assertEquals(plugins(off), [sys]);
  assertEquals(resolved(off).topicCheck, false);
  assertEquals(warnings(off), [
    "plugins[0]: has no effect: topic-check is not enabled",
    "plugins[1]: has no effect: topic-check is not enabled",
  ]);
});

Deno.test("acl, which restricted subscribing only, is pointed out with the key that keeps that meaning", () => {
  const acl = { service: ["REQ/#"] };
  const check = (lists: unknown) => warnings({ "topic-check": { enabled: true, ...lists as object } });
  assertEquals(check({ acl }), [COVERS]);
  assertEquals(check({ acl, plugins: ["topic_acl"] }), [COVERS]);
  assertEquals(check({ acl, "publish-acl": acl }), []);
  assertEquals(check({ "subscribe-acl": acl }), []);
  assertEquals(check({ "subscribe-acl": acl, "publish-acl": acl }), []);
});
