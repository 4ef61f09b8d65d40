/**
 * What tests of a program, a plugin or a store of your own want: a broker whose clock is turned by hand, a client without
 * a socket, and the contract of a store. For any test runner.
 *
 * ```ts
 * import { connectTestClient, startTestBroker } from "@amqtt/broker/testing";
 *
 * await using broker = await startTestBroker();
 * await using client = await connectTestClient(broker);
 * await client.subscribe("news/#");
 * await broker.publish("news/today", "fine weather");
 * console.log((await client.next()).text);
 * ```
 *
 * @module
 */
export { hashPassword, type PasswordOptions } from "../plugins/password_file.ts";
export type { ConnectOptions, FilterOptions, PublishFlags, WillOptions } from "./client_packets.ts";
export { HandClock } from "./hand_clock.ts";
export { type StoreCase, type StorePlace, testStore } from "./store_contract.ts";
export { startTestBroker, TestBroker } from "./test_broker.ts";
export {
  type AcceptingBroker,
  connectTestClient,
  TestClient,
  type TestClientOptions,
  type TestMessage,
} from "./test_client.ts";
