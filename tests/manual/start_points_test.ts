/** What people begin with has its place in the generated reference, and shows how it is used. */
import { assert, assertEquals } from "@std/assert";
import { root } from "./manual.ts";

interface Documentation {
  readonly nodes: Readonly<Record<string, { readonly symbols: readonly DocumentedSymbol[] }>>;
}

interface DocumentedSymbol {
  readonly name: string;
  readonly declarations: readonly { readonly jsDoc?: { readonly tags?: readonly { readonly kind: string }[] } }[];
}

const startPoints: Readonly<Record<string, readonly string[]>> = {
  "mod.ts": [
    "Broker",
    "BrokerConfig",
    "checkConfig",
    "definePlugin",
    "loadConfigFile",
    "Plugin",
    "PluginFactory",
    "Store",
  ],
  "src/testing/testing.ts": ["connectTestClient", "hashPassword", "startTestBroker", "testStore"],
};

async function symbolsOf(path: string): Promise<readonly DocumentedSymbol[]> {
  const args = ["doc", "--json", path];
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), { args, cwd: root }).output();
  assert(success, new TextDecoder().decode(stderr));
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout)) as Documentation;
  return Object.entries(nodes).find(([specifier]) => specifier.endsWith(`/${path}`))![1].symbols;
}

for (const [path, names] of Object.entries(startPoints)) {
  Deno.test(`what people begin with in ${path} has a category and an example`, async () => {
    const symbols = await symbolsOf(path);
    const missing = names.flatMap((name) => {
      const { declarations } = symbols.find((symbol) => symbol.name === name)!;
      const kinds = new Set(declarations.flatMap(({ jsDoc }) => jsDoc?.tags ?? []).map(({ kind }) => kind));
      return ["category", "example"].filter((kind) => !kinds.has(kind)).map((kind) => `${name}: @${kind}`);
    });
    assertEquals(missing, []);
  });
}
