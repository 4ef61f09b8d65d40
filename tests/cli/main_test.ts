import { assert, assertEquals } from "@std/assert";
import { main } from "../../src/cli/main.ts";
import denoJson from "../../deno.json" with { type: "json" };
import { FakeIo, FakeServices } from "./support.ts";

Deno.test("--help tells every flag and command, and is no fault", async () => {
  const io = new FakeIo();
  assertEquals(await main(["--help"], io, new FakeServices()), 0);
  const help = io.outLines.join("\n");
  for (
    const word of [
      "[file]",
      "-c, --config <file>",
      "--check",
      "-d, --debug",
      "-v, --verbose",
      "-q, --quiet",
      "--version",
      "-h, --help",
      "passwd",
      "health",
      "SIGHUP",
      "Exit codes",
    ]
  ) {
    assert(help.includes(word), `${word} is missing in ${help}`);
  }
  assertEquals(io.errorLines, []);
});

Deno.test("passwd --help tells its arguments", async () => {
  const io = new FakeIo();
  assertEquals(await main(["passwd", "--help"], io, new FakeServices()), 0);
  assert(io.outLines.join("\n").includes("passwd [options] <file> <user>"));
});

Deno.test("--version prints the package's version", async () => {
  const io = new FakeIo();
  assertEquals(await main(["--version"], io, new FakeServices()), 0);
  assertEquals(io.outLines, [denoJson.version]);
});

for (
  const [args, text] of [
    [["--nope"], "unknown option '--nope'"],
    [["a.yaml", "b.yaml"], "too many arguments"],
    [["-c", "a.yaml", "b.yaml"], "the config file is given twice: got b.yaml and -c a.yaml"],
    [["-c"], "argument missing"],
    [["passwd"], "missing required argument 'file'"],
    [["passwd", "file"], "missing required argument 'user'"],
    [["passwd", "file", "user", "password"], "too many arguments"],
  ] as const
) {
  Deno.test(`the command line ${args.join(" ")} is refused with exit code 2`, async () => {
    const io = new FakeIo();
    const services = new FakeServices();
    assertEquals(await main(args, io, services), 2);
    assert(io.errorLines.join("\n").includes(text), io.errorLines.join("\n"));
    assertEquals(services.configs, []);
  });
}
