/** The way to a value in the config: keys as the config spells them, and indices of lists. */
export type KeyPath = readonly (string | number)[];

const PLAIN_KEY = /^[^\s.:"'[\]{}]+$/;

/** Writes a path as people read it: `listeners.my-tcp-1.bind`, `auth.plugins[0]`, `listeners["a.b"]`. */
export function formatKeyPath(path: KeyPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (!PLAIN_KEY.test(step)) text += `[${JSON.stringify(step)}]`;
    else text += text === "" ? step : `.${step}`;
  }
  return text;
}

const STEP = /\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|\.?([^\s.:"'[\]{}]+)/y;

/** Reads what {@linkcode formatKeyPath} wrote at the start of a text, such as a warning's; what follows is left alone. */
export function parseKeyPath(text: string): KeyPath {
  const path: (string | number)[] = [];
  const step = new RegExp(STEP);
  for (let match = step.exec(text); match !== null; match = step.exec(text)) {
    if (match[1] !== undefined) path.push(Number(match[1]));
    else if (match[2] !== undefined) path.push(JSON.parse(match[2]) as string);
    else path.push(match[3] as string);
  }
  return path;
}
