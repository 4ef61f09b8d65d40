import { startTestBroker } from "@amqtt/broker/testing";
import { startLamp } from "./lamp.ts";

Deno.test("a lamp tells its state when it is switched", async () => {
  await using broker = await startTestBroker();
  const lamp = await startLamp(broker.url, "desk");
  const state = broker.next("lamps/desk/state");
  await broker.publish("lamps/desk/set", "on", { qos: 1 });
  const { payload, retain } = await state;
  if (new TextDecoder().decode(payload) !== "on") throw new Error("the lamp is not on");
  if (!retain) throw new Error("the state is not retained");
  await lamp.endAsync();
});

Deno.test("a lamp that is lost leaves word", async () => {
  await using broker = await startTestBroker();
  const lamp = await startLamp(broker.url, "desk");
  const state = broker.next("lamps/desk/state");
  broker.disconnect("lamp-desk");
  if (new TextDecoder().decode((await state).payload) !== "lost") throw new Error("nobody was told");
  await lamp.endAsync();
});
