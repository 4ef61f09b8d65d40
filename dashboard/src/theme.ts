/** Light or dark: as the system says, until somebody chooses. */
export type Theme = "system" | "light" | "dark";

const KEY = "amqtt-theme";

export function readTheme(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "system";
  } catch {
    // A browser that keeps nothing follows the system.
    return "system";
  }
}

const system = matchMedia("(prefers-color-scheme: dark)");

/** The style sheet has each colour once a scheme, and is told which one holds. */
function show(theme: Theme): void {
  const bySystem = system.matches ? "dark" : "light";
  document.documentElement.dataset["theme"] = theme === "system" ? bySystem : theme;
}

/** Goes with the system from now on, where nobody has chosen. */
export function followSystem(): void {
  system.addEventListener("change", () => show(readTheme()));
}

export function applyTheme(theme: Theme): void {
  show(theme);
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // It holds for this visit.
  }
}
