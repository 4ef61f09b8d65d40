import { storeContract } from "../contract.ts";
import { SqlitePlace } from "../support.ts";

storeContract("SQLite store", () => Promise.resolve(new SqlitePlace()));
