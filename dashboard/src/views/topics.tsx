import { useState } from "preact/hooks";
import { useDelayed } from "../hooks.ts";
import { href } from "../router.ts";
import { text } from "../strings.ts";
import { TopicDetail } from "../topics/detail.tsx";
import { TopicTree } from "../topics/tree.tsx";
import { mayAct, type ViewProps } from "./view.ts";

export function TopicsView({ session, params }: ViewProps) {
  const [words, setWords] = useState("");
  const looked = useDelayed(words, 250);
  const name = params.get("name") ?? undefined;
  const search = looked === "" ? undefined : looked;
  return (
    <div class="split">
      <div>
        <div class="bar">
          <input
            type="search"
            aria-label={text.topics.search}
            placeholder={text.topics.search}
            value={words}
            onInput={({ currentTarget }) => setWords(currentTarget.value)}
          />
        </div>
        <TopicTree
          key={search}
          search={search}
          selected={name}
          select={(topicName) => location.hash = href("topics", { name: topicName })}
        />
      </div>
      {name === undefined || name === ""
        ? <p class="quiet">{text.topics.choose}</p>
        : <TopicDetail key={name} name={name} acts={mayAct(session)} />}
    </div>
  );
}
