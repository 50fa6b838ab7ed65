// What OpenAI's SDK for JavaScript sees of OpenAI's API: `node use_openai.mjs PACKAGE BASE_URL TASK...` prints it as JSON.

const [, , name, baseURL, ...tasks] = process.argv;
const { OpenAI, toFile } = await import(name);

const KEY = "sk-proj-Canary-0123456789_abcdefghijklmnop";
const PARAMETERS = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const CALL = "Call the weather tool for Paris.";
const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const client = new OpenAI({ apiKey: KEY, baseURL });
const said = (content) => [{ role: "user", content }];

const all = async (stream) => {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
};

const TASKS = {
  chat: () => client.chat.completions.create({ model: "gpt-5", messages: said("Why is the sky blue?"), seed: 1 }),
  chat_bytes: async () => {
    const response = await client.chat.completions
      .create({ model: "gpt-5", messages: said("Why is the sky blue?") })
      .asResponse();
    return response.text();
  },
  chat_stream: async () =>
    all(
      await client.chat.completions.create({
        model: "gpt-5",
        messages: said("Tell."),
        stream: true,
        stream_options: { include_usage: true },
      }),
    ),
  chat_with_a_call: async () => {
    const tools = [{ type: "function", function: { name: "weather", parameters: PARAMETERS } }];
    const first = await client.chat.completions.create({ model: "gpt-5", messages: said(CALL), tools });
    const answer = first.choices[0].message;
    const results = answer.tool_calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: "sunny" }));
    const messages = [...said(CALL), answer, ...results];
    return [first, await client.chat.completions.create({ model: "gpt-5", messages, tools })];
  },
  picture: () =>
    client.chat.completions.create({
      model: "gpt-5",
      messages: said([
        { type: "text", text: "What is it?" },
        { type: "image_url", image_url: { url: `data:image/png;base64,${PIXEL}` } },
      ]),
    }),
  respond: async () => {
    const tools = [{ type: "function", name: "weather", parameters: PARAMETERS }];
    const first = await client.responses.create({ model: "gpt-5", input: CALL, tools, reasoning: { summary: "auto" } });
    const input = first.output
      .filter((item) => item.type === "function_call")
      .map((item) => ({ type: "function_call_output", call_id: item.call_id, output: "sunny" }));
    return [first, await client.responses.create({ model: "gpt-5", input, previous_response_id: first.id })];
  },
  respond_stream: async () =>
    all(
      await client.responses.create({
        model: "gpt-5",
        input: "Tell a story.",
        reasoning: { summary: "auto" },
        stream: true,
      }),
    ),
  background: async () => {
    const queued = await client.responses.create({ model: "gpt-5", input: "Dig.", background: true });
    const polls = [];
    for (let poll = 0; poll < 3; poll++) polls.push(await client.responses.retrieve(queued.id));
    return [queued, ...polls];
  },
  background_cancelled: async () => {
    const queued = await client.responses.create({ model: "gpt-5", input: "Dig deeper.", background: true });
    return [queued, await client.responses.cancel(queued.id)];
  },
  background_resumed: async () => {
    const asked = { model: "gpt-5", input: "Dig on and on.", background: true, stream: true };
    let first;
    for await (const event of await client.responses.create(asked)) {
      first = event;
      break;
    }
    const place = { stream: true, starting_after: first.sequence_number };
    return [first, await all(await client.responses.retrieve(first.response.id, place))];
  },
  conversation: async () => {
    const held = await client.conversations.create({ items: [{ type: "message", role: "user", content: "I am Ada." }] });
    const answers = [];
    for (const input of ["Who am I?", "And now?"])
      answers.push(await client.responses.create({ model: "gpt-5", input, conversation: held.id }));
    const items = await all(await client.conversations.items.list(held.id, { order: "asc" }));
    return [held, ...answers, items, await client.conversations.delete(held.id)];
  },
  batch: async () => {
    const body = { model: "gpt-5", messages: said("Why is the sky blue?") };
    const line = { method: "POST", url: "/v1/chat/completions", body };
    const lines = ["a", "b"].map((custom_id) => JSON.stringify({ custom_id, ...line }) + "\n").join("");
    const file = await client.files.create({ file: await toFile(Buffer.from(lines), "asked.jsonl"), purpose: "batch" });
    const asked = { input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" };
    const made = [await client.batches.create(asked), await client.batches.create(asked)];
    const polls = [await client.batches.retrieve(made[0].id), await client.batches.retrieve(made[0].id)];
    const results = [];
    for (let time = 0; time < 2; time++) results.push(await (await client.files.content(polls[1].output_file_id)).text());
    return [made[0], ...polls, ...results, await client.batches.cancel(made[1].id)];
  },
  embed: async () => {
    const made = await client.embeddings.create({ model: "text-embedding-3-small", input: ["one", "two"] });
    return made.data.map((each) => each.embedding);
  },
  files: async () => {
    const file = await toFile(Buffer.from("Notes"), "notes.txt");
    const sent = await client.files.create({ file, purpose: "user_data" });
    return [sent, await client.files.retrieve(sent.id)];
  },
  list_models: async () => (await all(await client.models.list())).map((model) => model.id),
  an_error: async () => {
    try {
      await client.chat.completions.create({ model: "error-429", messages: said("Too much?") }, { maxRetries: 0 });
    } catch (error) {
      return [error.status, error.error];
    }
    throw new Error("no error");
  },
  cancelled: async () => {
    const stream = await client.chat.completions.create({ model: "fault-stall", messages: said("Wait."), stream: true });
    for await (const chunk of stream) return chunk;
  },
};

const seen = {};
for (const task of tasks) seen[task] = await TASKS[task]();
console.log(JSON.stringify(seen));
