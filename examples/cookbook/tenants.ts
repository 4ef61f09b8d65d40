/** Users and their tenants in SQLite. All users of a tenant share its topics, and see nothing of the others'. */
import { randomUUID, scrypt, timingSafeEqual } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { Broker, definePlugin } from "@amqtt/broker";
import { connectAsync } from "mqtt";

const hash: (password: Uint8Array | string, salt: string, bytes: number) => Promise<Uint8Array> = promisify(scrypt);
const database = new DatabaseSync(":memory:");
database.exec("CREATE TABLE users (name TEXT PRIMARY KEY, salt TEXT, hash BLOB, tenant TEXT, role TEXT) STRICT");
const insert = database.prepare("INSERT INTO users VALUES (?, ?, ?, ?, ?)");
for (const [name, tenant, role] of [["ann", "acme", "admin"], ["bob", "acme", "guest"], ["cy", "other", "admin"]]) {
  const salt = randomUUID();
  insert.run(name!, salt, await hash(`${name}'s password`, salt, 32), tenant!, role!);
}
const find = database.prepare("SELECT salt, hash, tenant, role FROM users WHERE name = ?");
/** Takes as long as a user does, so that nobody learns which names there are. */
const nobody = { salt: "", hash: new Uint8Array(32), tenant: "", role: "" };

const users = definePlugin({
  name: "users",
  create: () => ({
    async authenticate({ username = "", password = new Uint8Array() }) {
      const { salt, hash: right, tenant, role } = (find.get(username) ?? nobody) as typeof nobody;
      if (!timingSafeEqual(await hash(password, salt, 32), right)) return "deny";
      // From here on the client's user name is its tenant, which %u stands for.
      return { decision: "allow", username: tenant, attributes: { name: username, role } };
    },
    authorizePublish: ({ attributes }) => attributes?.role === "admin" ? "allow" : "deny",
    authorizeSubscribe: () => "allow",
  }),
});

await using broker = new Broker({
  listeners: { tcp: { bind: "127.0.0.1:0", mountpoint: "tenants/%u/" } },
  auth: { plugins: [users] },
  topicCheck: { enabled: true, plugins: [users] },
});
await broker.start();

const url = `mqtt://127.0.0.1:${broker.addresses.tcp!.port}`;
const signIn = (username: string) => connectAsync(url, { username, password: `${username}'s password` });
const [ann, bob, cy] = [await signIn("ann"), await signIn("bob"), await signIn("cy")];
const inside = broker.subscribe("tenants/#");
const heard = [bob, cy].map((client) =>
  new Promise<string>((resolve) => client.once("message", (topic, payload) => resolve(`${topic} ${payload}`)))
);
for (const client of [bob, cy]) await client.subscribeAsync("lamp", { qos: 1 });
await ann.publishAsync("lamp", "on", { qos: 1 });
await cy.publishAsync("lamp", "off", { qos: 1 });
console.log("bob and cy:", await Promise.all(heard)); // [ "lamp on", "lamp off" ]
console.log("the program:", (await inside.next()).value.topicName); // tenants/acme/lamp
for (const { username, attributes } of broker.clients) console.log(username, attributes);
for (const client of [ann, bob, cy]) await client.endAsync();
