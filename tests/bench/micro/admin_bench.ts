/** What the admin API's answers cost with 10,000 clients and 50,000 topics; each is to take less than 100 ms. */
import { Broker } from "../../../src/broker/broker.ts";

const CLIENTS = 10_000;
const TOPICS = 50_000;
const user = { name: "bench", role: "admin" } as const;

const broker = new Broker({ listeners: { own: { type: "external" } }, plugins: [], sysInterval: 0 });
await broker.start();
void broker.topics;
for (let at = 0; at < CLIENTS; at++) {
  const client = await broker.openClient(`client-${at}`);
  await client.subscribe(`house/${at}/#`);
}
for (let at = 0; at < TOPICS; at++) {
  await broker.publish(`house/${at % 200}/room-${Math.floor(at / 200)}/temperature`, `${at % 40}.5`, {
    retain: at % 2 === 0,
  });
}

const paths: readonly string[] = [
  "/overview",
  "/topics",
  "/topics?parent=house&limit=200",
  "/topics?search=room-249&limit=200",
  "/topics?search=temperature&sort=messages&order=desc",
  "/topic?name=house/1/room-1/temperature",
  "/clients?limit=100&search=99",
  "/subscriptions?topic=house/1/room-1/temperature",
  "/retained?filter=house/%2B/room-1/%23",
];

for (const path of paths) {
  Deno.bench({
    name: `admin API, ${path}`,
    fn: async () => {
      const answer = await broker.admin(new Request(`http://localhost/api/v1${path}`), { user });
      if (!answer.ok) throw new Error(await answer.text());
      await answer.arrayBuffer();
    },
  });
}
