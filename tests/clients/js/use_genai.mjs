// What @google/genai 2 and 3 see: `node use_genai.mjs PACKAGE BASE_URL TASK...` prints it as JSON, a member a task.

import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [sdk, baseUrl, ...wanted] = process.argv.slice(2);
const { GoogleGenAI, Modality, Type } = await import(sdk);

const model = "gemini-2.5-flash";
const ai = new GoogleGenAI({ apiKey: "AIzaSyCanary-0123456789_abcdefghijklmnop", httpOptions: { baseUrl } });
const parameters = { type: Type.OBJECT, properties: { city: { type: Type.STRING } }, required: ["city"] };
const tools = [{ functionDeclarations: [{ name: "weather", description: "The weather in a city.", parameters }] }];
const MIB = 1024 * 1024;

const tasks = {
  async generate() {
    const config = { temperature: 0.3, maxOutputTokens: 500 };
    return ai.models.generateContent({ model, contents: "Why is the sky blue?", config });
  },

  async stream() {
    return all(await ai.models.generateContentStream({ model, contents: "Tell a story" }));
  },

  async chat_with_a_call() {
    const chat = ai.chats.create({ model, config: { tools } });
    const first = await chat.sendMessage({ message: "Call the weather tool for Paris." });
    const [call] = first.functionCalls;
    const functionResponse = { name: call.name, response: { result: "sunny" } };
    return [first, await chat.sendMessage({ message: { functionResponse } })];
  },

  async count_tokens() {
    return ai.models.countTokens({ model, contents: "How many are these?" });
  },

  async list_models() {
    return all(await ai.models.list({ config: { pageSize: 4 } }));
  },

  async an_error() {
    const error = await ai.models.generateContent({ model: "error-429", contents: "Too much?" }).catch((e) => e);
    return [error.name, error.status, error.message];
  },

  // Up, down and away; the large one goes up in two chunks.
  async files() {
    const small = new Blob(["a little\n".repeat(10)]);
    const content = Buffer.alloc(9 * MIB, "\x00\x01", "latin1");
    const file = await ai.files.upload({ file: small, config: { mimeType: "text/plain", displayName: "little" } });
    const chunked = await ai.files.upload({ file: new Blob([content]), config: { mimeType: "video/mp4" } });
    const folder = await mkdtemp(join(tmpdir(), "download-"));
    const downloadPath = join(folder, "file");
    const seen = {
      file: [file.displayName, file.mimeType, file.sizeBytes, file.state, digestOf(file)],
      chunked: [
        chunked.mimeType,
        chunked.sizeBytes,
        digestOf(chunked) === createHash("sha256").update(content).digest("hex"),
      ],
      got: (await ai.files.get({ name: file.name })).name === file.name,
      listed: (await names()).includes(file.name),
    };
    await ai.files.download({ file: file.name, downloadPath });
    seen.downloaded = await settled(downloadPath, small.size);
    for (const each of [file, chunked]) await ai.files.delete({ name: each.name });
    await rm(folder, { recursive: true });
    return { ...seen, left: (await names()).includes(file.name) };
  },

  async interaction() {
    const made = await ai.interactions.create({ model, input: "Why is the sky blue?" });
    const events = await all(await ai.interactions.create({ model, input: "Tell a story", stream: true }));
    const outputs = made.steps.filter((step) => step.type === "model_output");
    return {
      status: made.status,
      text: outputs.flatMap((step) => step.content.map((each) => each.text)).join(""),
      events: events.map((event) => event.event_type),
      streamed: events.map((event) => event.delta?.text ?? "").join(""),
    };
  },

  // A session with two turns: the model calls a function, and speaks about its result.
  async live() {
    const messages = [];
    let finish, fail;
    const finished = new Promise((resolve, reject) => ([finish, fail] = [resolve, reject]));
    const session = await ai.live.connect({
      model: "gemini-2.5-flash-live",
      config: { responseModalities: [Modality.TEXT], tools },
      callbacks: {
        onmessage(message) {
          messages.push(message);
          for (const { id, name } of message.toolCall?.functionCalls ?? []) {
            session.sendToolResponse({ functionResponses: [{ id, name, response: { result: "sunny" } }] });
          }
          if (message.serverContent?.turnComplete) finish();
        },
        onerror: fail,
        onclose: (event) => fail(new Error(`closed: ${event.code} ${event.reason}`)),
      },
    });
    session.sendClientContent({ turns: "What is the weather in Paris?", turnComplete: true });
    await finished;
    session.close();
    return messages;
  },
};

async function all(items) {
  const list = [];
  for await (const item of items) list.push(item);
  return list;
}

async function names() {
  return (await all(await ai.files.list())).map((file) => file.name);
}

function digestOf(file) {
  return Buffer.from(file.sha256Hash, "base64").toString();
}

// `download` returns before the file is written.
async function settled(path, size) {
  for (;;) {
    const content = await readFile(path, "utf8").catch(() => "");
    if (content.length >= size) return content;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const seen = {};
for (const task of wanted) seen[task] = await tasks[task]();
// Without the HTTP response's own headers.
console.log(JSON.stringify(seen, (key, value) => (key === "sdkHttpResponse" ? undefined : value)));
