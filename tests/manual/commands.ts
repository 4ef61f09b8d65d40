/** Reads what stands in the manual's blocks of shell commands. */

/** A command with its arguments; only what the manual needs of a shell is understood: quotes, comments, `\` at the end. */
export function commandsOf(text: string): readonly (readonly string[])[] {
  const lines = text.replaceAll(/\\\n\s*/g, " ").split("\n");
  return lines.flatMap((line) => line.split(/ (?:\||&&) /)).map(wordsOf).filter((words) => words.length > 0);
}

function wordsOf(command: string): readonly string[] {
  const words = [...command.matchAll(/(^|\s)#.*$|'([^']*)'|"([^"]*)"|(?:[^\s'"#]|\S#)+/g)];
  const texts = words.filter(([word]) => !/^\s*#/.test(word)).map(([word, , single, double]) =>
    single ?? double ?? word
  );
  // Variables that are set for the command alone, and where its output goes.
  const start = texts.findIndex((word) => !/^[A-Z_]+=/.test(word));
  const end = texts.findIndex((word) => /^[<>]/.test(word));
  return start < 0 ? [] : texts.slice(start, end < 0 ? undefined : end);
}
