import type { LoadConfigOptions, LoadedConfig } from "./config_file.ts";

export type { LoadConfigOptions, LoadedConfig } from "./config_file.ts";

/**
 * Reads and checks a config file. `${NAME}` and `${NAME:-default}` in values stand for environment variables, `$${` for a
 * `${` as it stands.
 *
 * @param file path of a YAML file
 * @throws {ConfigError} if the file cannot be read, is no YAML, names a variable that is not set, or holds a faulty
 * config; every fault has its position
 * @category Config
 *
 * @example
 * ```ts
 * import { Broker, loadConfigFile } from "@amqtt/broker";
 *
 * const { config, baseDirectory } = await loadConfigFile("examples/acl.yaml");
 * await using broker = Broker.fromYaml(config, { baseDirectory });
 * ```
 */
export async function loadConfigFile(file: string, options: LoadConfigOptions = {}): Promise<LoadedConfig> {
  // YAML is not for a program that has its config in itself.
  const { readConfigFile } = await import("./config_file.ts");
  return await readConfigFile(file, options);
}
