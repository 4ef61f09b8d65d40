import { key, quantity } from "../config/key.ts";
import { filePath } from "../config/values.ts";

/** Options of `auth.file`, which may stand in the section `auth`, too. */
export const authFileOptions = {
  passwordFile: key("file of `auth.file`", filePath),
  scramKeyFile: key("key that hides from SCRAM clients which users exist; made if it is not there", filePath, {
    shown: "the password file with .scram-key behind it",
  }),
  authConcurrency: quantity(
    "hashes",
    2,
    [1, 64],
    "password hashes computed at once, and threads for those of crypt(3)",
  ),
} as const;
