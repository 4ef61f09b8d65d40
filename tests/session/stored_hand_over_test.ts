import { assertEquals } from "@std/assert";
import { parseTopicFilter } from "../../src/packet/topic.ts";
import { StoredHandOver } from "../../src/session/stored_hand_over.ts";
import { ShareGroup } from "../../src/topics/share_group.ts";
import { FakeSessionJournal } from "./fake_session_journal.ts";
import { delivery } from "./support.ts";

const share = new ShareGroup("g", parseTopicFilter("#"));

/** What a session has left: a and b under way at QoS 1 and 2, c and d that wait; all but d are shared. */
function left() {
  const heard: string[] = [];
  class Log extends FakeSessionJournal {
    override ended(): void {
      heard.push("ended");
    }
  }
  const log = new Log();
  for (const [index, [name, qos]] of ([["a", 1], ["b", 2], ["c", 2], ["d", 1]] as const).entries()) {
    const one = { ...delivery(name, qos), sequence: index + 1, ...(name !== "d" && { share }) };
    log.queued(one);
    if (index < 2) log.sent(one, index + 1);
  }
  const handOver = new StoredHandOver({
    ...{ log, messages: 4 },
    onReturn: ({ message }) => heard.push(message.topicName) > 0,
    onLost: (messages) => heard.push(`${messages} lost`),
  });
  return { handOver, heard };
}

Deno.test("[MQTT-4.8.2-5] 5.0: others get what is shared, but no QoS 2 under way; then it is over, and the rest is lost", async () => {
  const { handOver, heard } = left();
  await handOver.settle(() => Promise.resolve(true));
  assertEquals(heard, ["a", "c", "ended", "2 lost"]);
});

Deno.test("A hand-over that is given up goes no further, wherever it is, and nothing is said to be over", async () => {
  for (const [pauses, expected] of [[0, []], [1, []], [2, ["a"]], [3, ["a", "c"]]] as const) {
    const { handOver, heard } = left();
    let more: number = pauses;
    await handOver.settle(() => Promise.resolve(more-- > 0));
    assertEquals(heard, [...expected], `${pauses} pauses`);
  }
});
