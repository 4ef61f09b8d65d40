/** TLS material that is read again when its files change. */
import { versionOf } from "./files.ts";
import { loadTlsMaterial, type TlsMaterial, type TlsSource } from "./material.ts";

/** Holds what was last read of a source without a fault: all of it at one time, never parts of two. */
export class TlsReader {
  readonly #source: TlsSource;
  #material: TlsMaterial;
  /** Of the files as they were last read, or last complained of. */
  #version: string;
  /** Of files that did not fit together when they were last looked at. */
  #faulty: string | undefined;

  private constructor(source: TlsSource, material: TlsMaterial, version: string) {
    this.#source = source;
    this.#material = material;
    this.#version = version;
  }

  /** @throws {ListenError} if the material cannot be used */
  static async open(source: TlsSource): Promise<TlsReader> {
    const version = await versionOf(source);
    return new TlsReader(source, await loadTlsMaterial(source), version);
  }

  get material(): TlsMaterial {
    return this.#material;
  }

  /** Reads everything again. @throws {ListenError} if it cannot be used; what was read before stays */
  async reload(): Promise<void> {
    const version = await versionOf(this.#source);
    this.#faulty = undefined;
    this.#version = version;
    this.#material = await loadTlsMaterial(this.#source);
  }

  /**
   * Reads everything again if a file has changed. They may be written one after the other, or be half written: a fault is one
   * when nothing has changed until the next look.
   *
   * @returns whether there is something new
   * @throws {ListenError} once for each fault; what was read before stays
   */
  async refresh(): Promise<boolean> {
    const version = await versionOf(this.#source);
    if (version === this.#version) return false;
    const reading = loadTlsMaterial(this.#source);
    await reading.catch(() => {});
    if (await versionOf(this.#source) !== version) return false;
    try {
      this.#material = await reading;
      this.#version = version;
      return true;
    } catch (error) {
      const lasting = this.#faulty === version;
      this.#faulty = version;
      if (!lasting) return false;
      this.#version = version;
      throw error;
    }
  }
}
