// What a message is, in the words of Slack's own types: from these the JSON Schema is made.
// An attachment's blocks may be anything there; the tests judge them as blocks.
import type { KnownBlock, MessageAttachment, MessageMetadata } from "@slack/types";

export interface SlackMessage {
  text?: string;
  blocks?: KnownBlock[];
  attachments?: MessageAttachment[];
  metadata?: MessageMetadata;
}
