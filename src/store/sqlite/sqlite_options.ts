import { key } from "../../config/key.ts";
import { choice, filePath } from "../../config/values.ts";

/** Options of the bundled store, which stand in the section `persistence`. */
export const sqliteOptions = {
  path: key("sqlite only: the database file", filePath, { default: "amqtt-broker.sqlite" }),
  commit: key("sqlite only: `disk` or `os`", choice(["disk", "os"]), { default: "disk" }),
} as const;
