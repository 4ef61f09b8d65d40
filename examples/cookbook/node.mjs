// A broker in a program under Node 20.10 and later. `deno task npm` makes the package.
import { Broker } from "@amqtt/broker";

const broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } } });
await broker.start();
try {
  const messages = broker.subscribe("sensors/#");
  await broker.publish("sensors/door", Buffer.from("open"), { qos: 1, retain: true });
  for await (const { topicName, payload } of messages) {
    console.log(topicName, new TextDecoder().decode(payload)); // sensors/door open
    break;
  }
} finally {
  await broker.shutdown();
}
