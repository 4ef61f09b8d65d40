/** The codec of the testing kit's client. */
export * from "../../src/testing/client_codec.ts";
