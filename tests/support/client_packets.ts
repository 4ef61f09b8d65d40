/** Packets as the testing kit's client makes them. */
export * from "../../src/testing/client_packets.ts";
