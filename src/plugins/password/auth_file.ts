import { randomBytes } from "node:crypto";
import { resolve } from "@std/path";
import type {
  AuthenticationExchange,
  Decision,
  EnhancedSignIn,
  Plugin,
  PluginContext,
  SignIn,
  SignInRefusal,
} from "../../hooks/plugin.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import { readOptions, show } from "../options.ts";
import { sourceOf } from "./failure_delays.ts";
import { FailureGate, type FailureGateClock } from "./failure_gate.ts";
import { HashQueue } from "./hash_queue.ts";
import { MAX_PASSWORD_BYTES, verifyPassword } from "./password_hash.ts";
import { PasswordStore } from "./password_store.ts";
import { SCRAM_SHA_256 } from "./scram_credentials.ts";
import { ScramExchange } from "./scram_exchange.ts";
import { ShaCryptThread } from "./sha_crypt_thread.ts";

interface AuthFileSettings {
  /** Absolute. */
  readonly passwordFile: string;
  readonly authConcurrency: number;
}

const MAX_QUEUED = 64;
const SECRET_BYTES = 32;
const CHECK_SECONDS = 2;

/**
 * Makes the plugin with a clock of the caller's.
 *
 * @throws {Error} if an option or the password file has a fault
 */
export async function createAuthFile(
  options: unknown,
  context: PluginContext,
  clock: FailureGateClock,
): Promise<Plugin> {
  const settings = checkOptions(options, context.baseDirectory);
  const secret = randomBytes(SECRET_BYTES);
  const store = await PasswordStore.open(settings.passwordFile, secret);
  const plugin = new AuthFile(context, { settings, secret, store, clock });
  context.every(CHECK_SECONDS, () => plugin.check());
  return plugin;
}

interface AuthFileParts {
  readonly settings: AuthFileSettings;
  readonly secret: Uint8Array;
  readonly store: PasswordStore;
  readonly clock: FailureGateClock;
}

class AuthFile implements Plugin {
  readonly #context: PluginContext;
  readonly #queue: HashQueue;
  readonly #gate: FailureGate;
  readonly #secret: Uint8Array;
  readonly #thread = new ShaCryptThread();
  #store: PasswordStore;
  #file: string;
  #checking: Promise<void> | undefined;

  constructor(context: PluginContext, { settings, secret, store, clock }: AuthFileParts) {
    this.#context = context;
    this.#secret = secret;
    this.#store = store;
    this.#file = settings.passwordFile;
    this.#queue = new HashQueue({ concurrency: settings.authConcurrency, waiting: MAX_QUEUED });
    this.#gate = new FailureGate(clock);
  }

  authenticate(signIn: SignIn): Decision | SignInRefusal | Promise<Decision | SignInRefusal> {
    const { username, password } = signIn;
    if (username === undefined) return "abstain";
    if (password === undefined || password.length === 0 || password.length > MAX_PASSWORD_BYTES) return "deny";
    return this.#signIn(username, password, signIn);
  }

  beginAuthentication(signIn: EnhancedSignIn): AuthenticationExchange | undefined {
    if (signIn.authenticationMethod !== SCRAM_SHA_256) return undefined;
    const find = (username: string) => this.#store.scramCredentials(username);
    return new ScramExchange(signIn, { find, gate: this.#gate });
  }

  async reload(options: unknown): Promise<void> {
    const { passwordFile, authConcurrency } = checkOptions(options, this.#context.baseDirectory);
    this.#store = await PasswordStore.open(passwordFile, this.#secret);
    this.#file = passwordFile;
    this.#queue.limits = { concurrency: authConcurrency, waiting: MAX_QUEUED };
  }

  async afterShutdown(): Promise<void> {
    this.#thread.close();
    await this.#checking;
  }

  /** Reads the password file again if it has changed. */
  check(): void {
    this.#checking ??= this.#refresh().finally(() => this.#checking = undefined);
  }

  async #refresh(): Promise<void> {
    const { logger } = this.#context;
    try {
      if (await this.#store.refresh()) logger.info(`password file ${this.#file} read again: ${this.#store.size} users`);
    } catch (fault) {
      logger.error(
        `password file ${this.#file} has changed and cannot be used, the old one stays:\n${messageOf(fault)}`,
      );
    }
  }

  async #signIn(username: string, password: Uint8Array, signIn: SignIn): Promise<Decision | SignInRefusal> {
    const { signal } = signIn;
    const source = sourceOf(signIn);
    while (!signal.aborted) {
      if (!this.#gate.isOpen(source)) {
        if (await this.#gate.enter(source, signal) !== "full") continue;
        return busy("too many sign-ins from this address wait after failures");
      }
      const admission = await this.#queue.enter(signal);
      if (admission === "full") return busy("too many sign-ins at once");
      if (admission === "aborted") break;
      try {
        // Others from the same address may have failed while this one was in the queue.
        if (!this.#gate.isOpen(source)) continue;
        return await this.#verify(username, password, source);
      } finally {
        this.#queue.leave();
      }
    }
    return "deny";
  }

  async #verify(username: string, password: Uint8Array, source: string): Promise<Decision> {
    const known = this.#store.find(username);
    const hash = known ?? this.#store.decoy(username);
    const right = hash !== undefined && await verifyPassword(hash, password, this.#thread) && known !== undefined;
    this.#gate.note(source, right ? "succeeded" : "failed");
    return right ? "allow" : "deny";
  }
}

function busy(reasonString: string): SignInRefusal {
  return { decision: "deny", reasonCode: ReasonCode.ServerBusy, reasonString };
}

function checkOptions(options: unknown, baseDirectory: string): AuthFileSettings {
  const { passwordFile, authConcurrency = 2 } = readOptions(options, ["passwordFile", "authConcurrency"]);
  if (typeof passwordFile !== "string" || passwordFile === "") {
    throw new Error(`passwordFile must be the path of a file: got ${show(passwordFile)}`);
  }
  if (typeof authConcurrency !== "number" || !Number.isInteger(authConcurrency) || !isWithin(authConcurrency, 1, 64)) {
    throw new Error(`authConcurrency must be a whole number from 1 to 64: got ${show(authConcurrency)}`);
  }
  return { passwordFile: resolve(baseDirectory, passwordFile), authConcurrency };
}

function isWithin(value: number, minimum: number, maximum: number): boolean {
  return value >= minimum && value <= maximum;
}

function messageOf(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}
