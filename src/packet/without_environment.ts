import process from "node:process";

/**
 * Loads a package that asks for environment variables without need. Where the program may not read the environment there
 * are none for it, in place of an error that would end the program; what may be read is read as ever.
 */
export async function withoutEnvironment<Module>(load: () => Promise<Module>): Promise<Module> {
  const environment = process.env;
  // In front of an empty object, since a proxy is checked against what it stands in front of.
  process.env = new Proxy({}, {
    get: (_, name) => orNothing(() => Reflect.get(environment, name), undefined),
    set: (_, name, value) => Reflect.set(environment, name, value),
    has: (_, name) => orNothing(() => Reflect.has(environment, name), false),
    ownKeys: () => orNothing(() => Reflect.ownKeys(environment), []),
    getOwnPropertyDescriptor: (_, name) =>
      orNothing(() => Reflect.getOwnPropertyDescriptor(environment, name), undefined),
  });
  try {
    return await load();
  } finally {
    process.env = environment;
  }
}

function orNothing<Value>(read: () => Value, nothing: Value): Value {
  try {
    return read();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return nothing;
    throw error;
  }
}
