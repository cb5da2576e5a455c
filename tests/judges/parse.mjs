// Reads a JSON list of mrkdwn texts; writes for each what Slack would make of it: the kinds of its parts (see
// NodeType of slack-message-parser), its commands, and the text that is left for the reader. What stands between two
// colons is an emoji to the parser whatever it is; to Slack only names of small letters, digits and four signs are.
import { readFileSync, writeFileSync } from "node:fs";
import parse, { NodeType } from "slack-message-parser";

function walk(node, found) {
  if (node.type === NodeType.Emoji && !/^:(?:[a-z0-9_'+-]*[a-z][a-z0-9_'+-]*|100|1234):$/.test(node.source)) {
    found.text += node.source;
    return found;
  }
  found.kinds.add(NodeType[node.type]);
  if (node.type === NodeType.Command) found.commands.push(node.source);
  if (node.type === NodeType.Text) found.text += node.text;
  for (const child of node.children ?? []) walk(child, found);
  return found;
}

const texts = JSON.parse(readFileSync(0, "utf8"));
const read = texts.map((text) => {
  const found = walk(parse(text), { kinds: new Set(), commands: [], text: "" });
  return { ...found, kinds: [...found.kinds].sort() };
});
writeFileSync(1, JSON.stringify(read));
