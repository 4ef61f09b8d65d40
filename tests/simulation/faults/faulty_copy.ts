/** A copy of the checkout in a temporary folder, in which a fault is put back and looked for. */
import { join } from "@std/path";
import { copyFiles, filesOfCheckout } from "../../mutate/checkout.ts";
import type { FormerFault } from "./former_faults.ts";
import type { Found } from "./first_found.ts";

export class FaultyCopy implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<FaultyCopy> {
    const folder = await Deno.makeTempDir({ prefix: "former_fault_" });
    await copyFiles(folder, await filesOfCheckout());
    return new FaultyCopy(folder);
  }

  /**
   * Puts the fault back, and simulates seeds from 1 on until it is found.
   *
   * @throws {Error} if the fault's place is not there any longer, or the simulation cannot be run
   */
  async find(fault: FormerFault, seeds: number): Promise<Found | undefined> {
    const path = join(this.#folder, fault.file);
    const source = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, withFault(source, fault));
    try {
      return await this.#simulate(seeds);
    } finally {
      await Deno.writeTextFile(path, source);
    }
  }

  async #simulate(seeds: number): Promise<Found | undefined> {
    const script = join(this.#folder, "tests/simulation/faults/first_found.ts");
    const args = ["run", "-A", "--no-check", script, "1", `${seeds}`];
    const options = { args, cwd: this.#folder, stdin: "null" } as const;
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), options).output();
    if (!success) throw new Error(`the simulation cannot be run: ${new TextDecoder().decode(stderr)}`);
    return (JSON.parse(new TextDecoder().decode(stdout)) as Found | null) ?? undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** @throws {Error} if its place is not there, or more than once */
export function withFault(source: string, { name, file, now, then }: FormerFault): string {
  const pieces = source.split(now);
  if (pieces.length !== 2) {
    throw new Error(`${file}: "${name}" cannot be put back: expected its place once: found ${pieces.length - 1} times`);
  }
  return pieces.join(then);
}
