/** Goes into the checkout whose tests are run: switches one mutant on, or writes down which ones a test comes by. */

/** A program of restricted permissions runs as it is. */
function variable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch {
    return undefined;
  }
}

const active = Number(variable("MUTANT") ?? 0);
const passedFile = variable("MUTANTS_PASSED");
const passed = new Set<number>();

function pass(mutant: number): void {
  if (passed.has(mutant)) return;
  passed.add(mutant);
  Deno.writeTextFileSync(passedFile!, `${mutant}\n`, { append: true });
}

/** A condition, or its contrary. */
export function $negated(mutant: number, value: unknown): unknown {
  if (passedFile !== undefined) pass(mutant);
  return mutant === active ? !value : value;
}

/** Whether a statement is there. */
export function $kept(mutant: number): boolean {
  if (passedFile !== undefined) pass(mutant);
  return mutant !== active;
}
