import { resolve } from "node:path";
import type {
  AuthenticationExchange,
  Decision,
  EnhancedSignIn,
  Plugin,
  PluginContext,
  SignIn,
  SignInRefusal,
} from "../../hooks/plugin.ts";
import { authFileOptions } from "../auth_file_options.ts";
import { readOptions, show } from "../options.ts";
import type { FailureGateClock } from "./failure_gate.ts";
import { PasswordCheck } from "./password_check.ts";
import { MAX_PASSWORD_BYTES } from "./password_hash.ts";
import { PasswordStore } from "./password_store.ts";
import { SCRAM_SHA_256 } from "./scram_credentials.ts";
import { ScramExchange } from "./scram_exchange.ts";
import { probeDescriptors, ShaCryptPool } from "./sha_crypt_pool.ts";

interface AuthFileSettings {
  /** Absolute. */
  readonly passwordFile: string;
  /** Absolute. */
  readonly scramKeyFile: string;
  readonly authConcurrency: number;
}

const CHECK_SECONDS = 2;

/**
 * Makes the plugin with a clock of the caller's.
 *
 * @throws {Error} if an option or the password file has a fault, or a thread cannot be started that its users call for
 */
export async function createAuthFile(
  options: unknown,
  context: PluginContext,
  clock: FailureGateClock,
): Promise<Plugin> {
  const settings = checkOptions(options, context.baseDirectory);
  const store = await PasswordStore.open(settings.passwordFile, settings.scramKeyFile);
  const plugin = new AuthFile(context, { settings, store, clock });
  await plugin.startThreads();
  context.every(CHECK_SECONDS, () => plugin.check());
  return plugin;
}

interface AuthFileParts {
  readonly settings: AuthFileSettings;
  readonly store: PasswordStore;
  readonly clock: FailureGateClock;
}

/** What the broker asks the plugin beside hooks. */
export interface PasswordUsers {
  /** Another text for each entry that a user has had in the password file, as it was read last; `undefined`: none. */
  passwordMark(username: string): string | undefined;
}

class AuthFile implements Plugin, PasswordUsers {
  readonly #context: PluginContext;
  readonly #threads: ShaCryptPool;
  readonly #passwords: PasswordCheck;
  #store: PasswordStore;
  #settings: AuthFileSettings;
  #checking: Promise<void> | undefined;

  constructor(context: PluginContext, { settings, store, clock }: AuthFileParts) {
    this.#context = context;
    this.#store = store;
    this.#settings = settings;
    const concurrency = settings.authConcurrency;
    this.#threads = new ShaCryptPool(concurrency, () => probeDescriptors(this.#settings.passwordFile));
    this.#passwords = new PasswordCheck({
      store: () => this.#store,
      shaCrypt: this.#threads,
      concurrency,
      clock,
      logger: context.logger,
    });
  }

  async beforeStart(): Promise<void> {
    await this.#keepSecret(this.#store);
  }

  /** Gets what users with hashes of crypt(3) call for, before the first of them comes; rejects if it cannot be had. */
  async startThreads(): Promise<void> {
    if (!this.#store.hasShaCrypt) return;
    try {
      await this.#threads.start();
    } catch (fault) {
      this.#threads.close();
      throw new Error(`users with hashes of crypt(3) cannot sign in: ${messageOf(fault)}`, { cause: fault });
    }
  }

  passwordMark(username: string): string | undefined {
    return this.#store.mark(username);
  }

  authenticate(signIn: SignIn): Decision | SignInRefusal | Promise<Decision | SignInRefusal> {
    const { username, password } = signIn;
    if (username === undefined) return "abstain";
    if (password === undefined || password.length === 0 || password.length > MAX_PASSWORD_BYTES) return "deny";
    return this.#passwords.signIn(username, password, signIn);
  }

  beginAuthentication(signIn: EnhancedSignIn): AuthenticationExchange | undefined {
    if (signIn.authenticationMethod !== SCRAM_SHA_256) return undefined;
    const find = (username: string) => this.#store.scramCredentials(username);
    const ready = () => this.#keepSecret(this.#store);
    return new ScramExchange(signIn, { find, ready, gate: this.#passwords.gate });
  }

  async reload(options: unknown): Promise<void> {
    const settings = checkOptions(options, this.#context.baseDirectory);
    const store = await PasswordStore.open(settings.passwordFile, settings.scramKeyFile);
    await this.#keepSecret(store);
    this.#store = store;
    this.#settings = settings;
    this.#threads.resize(settings.authConcurrency);
    this.#passwords.concurrency = settings.authConcurrency;
    this.#passwords.forget();
    await this.#startThreadsLate();
  }

  async afterShutdown(): Promise<void> {
    await this.#checking;
    this.#threads.close();
    // Nobody can take back what WebCrypto has begun.
    await this.#passwords.idle();
  }

  /** Reads the password file again if it has changed. */
  check(): void {
    this.#checking ??= this.#refresh().finally(() => this.#checking = undefined);
  }

  async #refresh(): Promise<void> {
    const { logger } = this.#context;
    const { passwordFile } = this.#settings;
    try {
      if (!await this.#store.refresh()) return;
      this.#passwords.forget();
      logger.info(`password file ${passwordFile} read again: ${this.#store.size} users`);
    } catch (fault) {
      logger.error(
        `password file ${passwordFile} has changed and cannot be used, the old one stays:\n${messageOf(fault)}`,
      );
      return;
    }
    await this.#keepSecret(this.#store);
    await this.#startThreadsLate();
  }

  /** Those that could not be had are tried again with each sign-in. */
  async #startThreadsLate(): Promise<void> {
    try {
      await this.startThreads();
    } catch (fault) {
      this.#context.logger.error(messageOf(fault));
    }
  }

  async #keepSecret(store: PasswordStore): Promise<void> {
    const fault = await store.keepSecret();
    if (fault === undefined) return;
    this.#context.logger.warn(
      "the key that hides from SCRAM clients which users exist cannot be kept: it changes when the broker starts with " +
        `a changed password file (auth.scram-key-file: ${fault})`,
    );
  }
}

function checkOptions(options: unknown, baseDirectory: string): AuthFileSettings {
  const { default: usual, quantity: { minimum, maximum = Infinity } } = authFileOptions.authConcurrency;
  const { passwordFile, scramKeyFile, authConcurrency = usual } = readOptions(options, authFileOptions);
  if (typeof passwordFile !== "string" || passwordFile === "") {
    throw new Error(`passwordFile must be the path of a file: got ${show(passwordFile)}`);
  }
  if (scramKeyFile !== undefined && (typeof scramKeyFile !== "string" || scramKeyFile === "")) {
    throw new Error(`scramKeyFile must be the path of a file: got ${show(scramKeyFile)}`);
  }
  if (!isWholeNumber(authConcurrency) || authConcurrency < minimum || authConcurrency > maximum) {
    throw new Error(
      `authConcurrency must be a whole number from ${minimum} to ${maximum}: got ${show(authConcurrency)}`,
    );
  }
  return {
    passwordFile: resolve(baseDirectory, passwordFile),
    scramKeyFile: resolve(baseDirectory, scramKeyFile ?? `${passwordFile}.scram-key`),
    authConcurrency,
  };
}

function isWholeNumber(value: unknown): value is number {
  return Number.isInteger(value);
}

function messageOf(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}
