import type { BrokerConfig } from "./config.ts";
import { resolveConfig } from "./resolve.ts";

/**
 * Checks a config whose type is not known, such as a parsed YAML or JSON file.
 *
 * @param config keys in camelCase, or as in YAML files; `undefined` or `null` is a config without any key
 * @returns the same object, to be handed on as it is: its keys are spelt as they were, so that they are not to be read
 * @throws {ConfigError} with every fault of the config
 * @category Config
 *
 * @example
 * ```ts
 * import { checkConfig, ConfigError } from "@amqtt/broker";
 *
 * try {
 *   checkConfig({ "max-inflight": 0, listener: {} });
 * } catch (error) {
 *   if (!(error instanceof ConfigError)) throw error;
 *   for (const { path, message } of error.faults) console.log(path.join("."), message);
 * }
 * ```
 */
export function checkConfig(config: unknown): BrokerConfig {
  // Where paths start from makes no fault.
  resolveConfig(config, { baseDirectory: "/" });
  return (config ?? {}) as BrokerConfig;
}
