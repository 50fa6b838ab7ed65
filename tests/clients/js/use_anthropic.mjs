// What Anthropic's SDK sees of its API: `node use_anthropic.mjs PACKAGE BASE_URL TASK...` prints it as JSON.

const [name, baseUrl, ...tasks] = process.argv.slice(2);
const { default: Anthropic } = await import(name);

const model = "claude-sonnet-4-6";
const client = new Anthropic({ apiKey: "sk-ant-api03-canary-0123456789", baseURL: baseUrl });
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ name: "weather", description: "The weather of a city.", input_schema: schema }];

const pixel =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

function ask(content, options = {}, request = {}) {
  return client.messages.create({ model, max_tokens: 2048, messages: [{ role: "user", content }], ...options }, request);
}

async function all(events) {
  const seen = [];
  for await (const event of events) seen.push(event);
  return seen;
}

const calls = {
  generate: () => ask("Why is the sky blue?", { temperature: 0.3 }),
  bytes_of_a_stream: async () => {
    const request = { model, max_tokens: 2048, messages: [{ role: "user", content: "Tell a story" }], stream: true };
    return (await client.messages.create(request).asResponse()).text();
  },
  stream: async () => {
    const events = client.messages.stream({ model, max_tokens: 2048, messages: [{ role: "user", content: "Tell a story" }] });
    const pieces = [];
    events.on("text", (text) => pieces.push(text));
    const message = await events.finalMessage();
    return [pieces, message];
  },
  think: async () => all(await ask("Think.", { thinking: { type: "enabled", budget_tokens: 1024 }, stream: true })),
  chat_with_a_call: async () => {
    const first = await ask("Call the weather tool for Paris.", { tools });
    const call = first.content.at(-1);
    const messages = [
      { role: "user", content: "Call the weather tool for Paris." },
      { role: "assistant", content: first.content },
      { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: "sunny" }] },
    ];
    return [first, await client.messages.create({ model, max_tokens: 2048, messages, tools })];
  },
  a_turn_that_pauses: async () => {
    const first = await ask("Search on and on, please.", { model: "fault-pause" });
    const asked = { role: "user", content: "Search on and on, please." };
    const go = (messages) => client.messages.create({ model, max_tokens: 2048, messages });
    const second = await go([asked, { role: "assistant", content: first.content }]);
    const rest = { role: "assistant", content: [...first.content, ...second.content] };
    return [first, second, await go([asked, rest, { role: "user", content: "And now?" }])];
  },
  a_batch: async () => {
    const params = { model, max_tokens: 2048, messages: [{ role: "user", content: "Why is the sky blue?" }] };
    const made = await client.messages.batches.create({ requests: ["a", "b"].map((custom_id) => ({ custom_id, params })) });
    const ended = await client.messages.batches.retrieve(made.id);
    const results = [];
    for (let time = 0; time < 2; time++) {
      const headers = { Accept: "application/binary" };
      const path = `/v1/messages/batches/${made.id}/results`;
      results.push(await (await client.get(path, { headers, __binaryResponse: true }).asResponse()).text());
    }
    // From the address that the batch names, which leads past Gemtap.
    const own = await all(await client.messages.batches.results(made.id));
    const listed = (await all(await client.messages.batches.list())).map((each) => each.id);
    const cancelled = await client.messages.batches.cancel(made.id);
    const deleted = await client.messages.batches.delete(made.id);
    const told = [made, ended, cancelled].map(({ results_url, ...batch }) => batch);
    return [...told, ...results, own, listed.filter((id) => id === made.id), deleted];
  },
  an_image: () => {
    const source = { type: "base64", media_type: "image/png", data: pixel };
    return ask([{ type: "image", source }, { type: "text", text: "What is it?" }]);
  },
  count_tokens: async () =>
    (await client.messages.countTokens({ model, messages: [{ role: "user", content: "How many?" }] })).input_tokens,
  list_models: async () => (await all(await client.models.list())).map((each) => each.id),
  an_error: () => failing(ask("Too much?", { model: "error-529" }, { maxRetries: 0 })),
  an_error_in_a_stream: async () => {
    const events = await ask("Go on.", { model: "fault-midstream-error", stream: true });
    return failing(all(events));
  },
  a_cancelled_stream: async () => {
    const events = await ask("Tell a story", { model: "fault-stall", stream: true });
    for await (const event of events) {
      events.controller.abort();
      return event;
    }
  },
};

async function failing(promise) {
  try {
    await promise;
  } catch (error) {
    return [error.status ?? null, error.error];
  }
  throw new Error("no error");
}

const seen = {};
for (const task of tasks) seen[task] = JSON.parse(JSON.stringify(await calls[task]()));
console.log(JSON.stringify(seen));
