import { assertEquals } from "@std/assert";
import { faults, plugins, resolved } from "./support.ts";

/** Plugins of the config's `auth` section. */
const auth = (section: unknown) => plugins({ auth: section, plugins: [], sysInterval: 0 });
const warnings = (config: unknown) => resolved(config).warnings;

Deno.test("an auth section without a list asks auth.anonymous, which lets nobody in unasked", () => {
  assertEquals(auth({}), [["auth.anonymous", { allowAnonymous: false }]]);
  assertEquals(auth({ "allow-anonymous": true }), [["auth.anonymous", { allowAnonymous: true }]]);
  assertEquals(auth({ "allow-anonymous": "on" }), [["auth.anonymous", { allowAnonymous: true }]]);
  assertEquals(resolved({ auth: {} }).anonymous, "plugins");
});

Deno.test("allow-anonymous: any-username is passed on, and auth.file is said to verify names all the same", () => {
  assertEquals(auth({ "allow-anonymous": "any-username" }), [["auth.anonymous", { allowAnonymous: "any-username" }]]);
  assertEquals(auth({ plugins: [{ "auth.anonymous": { "allow-anonymous": "any-username" } }] }), [
    ["auth.anonymous", { allowAnonymous: "any-username" }],
  ]);
  assertEquals(warnings({ auth: { "allow-anonymous": "any-username", "password-file": "x" } }), [
    "auth.allow-anonymous: has no effect on user names: auth.file verifies them",
  ]);
  assertEquals(faults({ auth: { "allow-anonymous": "any" } }), [
    'auth.allow-anonymous: must be true or false (or on, off, yes, no), or any-username: got "any"',
  ]);
});

Deno.test("scram-key-file is a path from the config's folder, and has no effect without auth.file", () => {
  const options = { passwordFile: "/base/p", scramKeyFile: "/base/k", authConcurrency: 2 };
  assertEquals(auth({ "password-file": "p", "scram-key-file": "k" })[1], ["auth.file", options]);
  assertEquals(auth({ plugins: [{ "auth.file": { password_file: "p", scram_key_file: "k" } }] }), [
    ["auth.file", options],
  ]);
  assertEquals(warnings({ auth: { "allow-anonymous": true, "scram-key-file": "k" } }), [
    "auth.scram-key-file: has no effect: there is no password-file",
  ]);
});

Deno.test("a password file calls for auth.file", () => {
  assertEquals(auth({ "password-file": "passwd", auth_concurrency: 4 }), [
    ["auth.anonymous", { allowAnonymous: false }],
    ["auth.file", { passwordFile: "/base/passwd", authConcurrency: 4 }],
  ]);
});

Deno.test("a listed auth.anonymous lets anonymous clients in unless the config says otherwise", () => {
  assertEquals(auth({ plugins: ["auth.anonymous"] }), [["auth.anonymous", { allowAnonymous: true }]]);
  assertEquals(auth({ plugins: ["auth_anonymous"], "allow-anonymous": false }), [
    ["auth.anonymous", { allowAnonymous: false }],
  ]);
});

Deno.test("a plugin's own options win over the section's keys", () => {
  assertEquals(
    auth({
      plugins: [{ "auth.anonymous": { allow_anonymous: "no" } }, { "auth.file": { "password-file": "b" } }],
      allowAnonymous: true,
      passwordFile: "a",
    }),
    [["auth.anonymous", { allowAnonymous: false }], ["auth.file", { passwordFile: "/base/b", authConcurrency: 2 }]],
  );
});

Deno.test("auth.file needs a password file", () => {
  assertEquals(faults({ auth: { plugins: ["auth.file"] } }), [
    "auth.plugins[0]: auth.file needs a password-file: got none",
  ]);
  assertEquals(faults({ plugins: ["auth_file"] }), ["plugins[0]: auth.file needs a password-file: got none"]);
  assertEquals(faults({ auth: { plugins: ["auth.file"], "password-file": 5 } }), [
    "auth.password-file: must be the path of a file: got 5",
  ]);
});

Deno.test("an empty list lets nobody in, and the log says so", () => {
  assertEquals(auth({ plugins: [] }), []);
  assertEquals(warnings({ auth: { plugins: [] } }), ["auth.plugins: is empty: nobody can sign in"]);
  assertEquals(warnings({ auth: { plugins: [] }, plugins: ["./mine.ts"] }), []);
  assertEquals(resolved({ auth: { plugins: [] } }).anonymous, "plugins");
});

Deno.test("keys whose plugin is not listed are pointed out", () => {
  assertEquals(warnings({ auth: { plugins: ["auth.anonymous"], "password-file": "x" } }), [
    "auth.password-file: has no effect: auth.file is not in auth.plugins",
  ]);
  assertEquals(warnings({ auth: { plugins: ["auth.file"], "password-file": "x", "allow-anonymous": true } }), [
    "auth.allow-anonymous: has no effect: auth.anonymous is not in auth.plugins",
  ]);
});

Deno.test("sign-in plugins in the general list decide about anonymous clients", () => {
  const config = resolved({ plugins: { "auth.anonymous": null } });
  assertEquals(config.anonymous, "plugins");
  assertEquals(config.plugins[0]?.options, { allowAnonymous: true });
  assertEquals(resolved({ plugins: { auth_file: { password_file: "x" } } }).anonymous, "plugins");
  assertEquals(resolved({ plugins: ["./mine.ts"] }).anonymous, "loopback");
});

Deno.test("topic-check is off unless it is enabled", () => {
  const acl = { a: ["#"] };
  assertEquals(resolved({ "topic-check": { acl } }).topicCheck, false);
  assertEquals(resolved({ "topic-check": { enabled: "off", plugins: ["topic_taboo"] } }).topicCheck, false);
  assertEquals(warnings({ "topic-check": { enabled: false, acl, publish_acl: acl } }), [
    "topic-check.acl: has no effect: topic-check is not enabled",
    "topic-check.publish_acl: has no effect: topic-check is not enabled",
  ]);
  assertEquals(faults({ "topic-check": { acl: { a: ["#b"] } } }).length, 1);
});

Deno.test("topic-check works without auth, and lists call for topic_acl", () => {
  const section = { enabled: true, acl: { alice: ["a/#", "%u/+", "$SYS/#"], anonymous: null }, "receive-acl": {} };
  const config = resolved({ "topic-check": section });
  assertEquals(config.topicCheck, true);
  assertEquals(config.anonymous, "loopback");
  assertEquals(plugins({ "topic-check": section })[0], ["topic_acl", {
    acl: { alice: ["a/#", "%u/+", "$SYS/#"], anonymous: [] },
    receiveAcl: {},
  }]);
});

Deno.test("an enabled topic-check without list and plugin is refused", () => {
  for (const plugins of [undefined, []]) {
    assertEquals(faults({ "topic-check": { enabled: true, plugins } }), [
      "topic-check.enabled: needs an acl, or a plugin in topic-check.plugins: got neither",
    ]);
  }
});

Deno.test("a topic_acl without a list allows nothing, and the log says so", () => {
  const config = { "topic-check": { enabled: true, plugins: ["topic_acl"] } };
  assertEquals(plugins(config)[0], ["topic_acl", { acl: {} }]);
  assertEquals(warnings(config), ["topic-check.plugins[0]: has no acl: it allows nothing"]);
  assertEquals(plugins({ plugins: { topic_acl: {} } })[0], ["topic_acl", { acl: {} }]);
  assertEquals(warnings({ plugins: ["topic_acl"] }), ["plugins[0]: has no acl: it allows nothing"]);
});

Deno.test("lists whose plugin is not listed are pointed out", () => {
  assertEquals(warnings({ "topic-check": { enabled: true, plugins: ["topic_taboo"], acl: {} } }), [
    "topic-check.acl: has no effect: topic_acl is not in topic-check.plugins",
  ]);
});

Deno.test("entries of a list are topic filters", () => {
  const acl = { a: ["ok", "a/#/b", "", 5, true], b: "c", d: [null], e: null, f: { g: 1 } };
  assertEquals(faults({ "topic-check": { enabled: true, acl } }), [
    'topic-check.acl.a[1]: "#" must be the last level of a topic filter, on its own: got "a/#/b"',
    "topic-check.acl.a[2]: topic filter must not be empty",
    "topic-check.acl.a[3]: must be a topic filter, in quotes if it looks like something else: got 5",
    "topic-check.acl.a[4]: must be a topic filter, in quotes if it looks like something else: got true",
    'topic-check.acl.b: must be a list of topic filters: got "c"',
    "topic-check.acl.d[0]: must be a topic filter, in quotes if it looks like something else: got null",
    'topic-check.acl.f: must be a list of topic filters: got {"g":1}',
  ]);
  assertEquals(faults({ "topic-check": { enabled: true, "subscribe-acl": ["a"] } }), [
    'topic-check.subscribe-acl: must map user names to lists of topic filters: got ["a"]',
  ]);
});

Deno.test("user names in a list are left as they are, whatever they are", () => {
  const acl = JSON.parse('{"max-connections": ["a"], "__proto__": ["b"], "constructor": ["c"]}');
  const options = resolved({ "topic-check": { enabled: true, acl } }).plugins[0]?.options as { acl: object };
  assertEquals(Object.keys(options.acl), ["max-connections", "__proto__", "constructor"]);
  assertEquals("toString" in options.acl, false);
});
