/** Publisher and subscriber at different nodes. */
import { runAcross } from "./suite.ts";

await runAcross(
  "retained",
  "retained_promise",
  "will",
  "topics",
  "mountpoint",
  "rewriting",
  "version_matrix",
  "large_message",
  "hostile_names",
  "plugin_races",
  "program",
  "program_faults",
);
