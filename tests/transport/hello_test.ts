import { assertEquals } from "@std/assert";
import { describeHello } from "../../src/transport/hello.ts";

const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

for (
  const [spoken, text] of [
    ["a TLS hello", "\x16\x03\x01\x02\0\x01"],
    ["an HTTP request", "GET / HTTP/1.1\r\n"],
    ["an HTTP request", "OPTIONS * HTTP/1.1\r\n"],
    ["an HTTP request", "PRI * HTTP/2.0\r\n"],
    ["an SSH hello", "SSH-2.0-x\r\n"],
    ["a PROXY protocol header", "PROXY TCP4 192.0.2.1"],
    ["a PROXY protocol header", "\r\n\r\n\0\r\nQUIT\n\x21\x11"],
    ["an MQTT CONNECT", "\x10\x0c\0\x04MQTT\x04"],
    ["an MQTT CONNECT", "\x10\x8c\x01\0\x06MQIsdp"],
  ] as const
) {
  Deno.test(`${JSON.stringify(text)} is ${spoken}`, () => assertEquals(describeHello(bytes(text)), spoken));
}

Deno.test("What is not known, or too short to tell, is called nothing", () => {
  for (const text of ["", "\x16", "\x16\x03", "G", "hello\r\n", "\x10\x0c\0\x04XXXX", "GETTING"]) {
    assertEquals(describeHello(bytes(text)), undefined, JSON.stringify(text));
  }
});
