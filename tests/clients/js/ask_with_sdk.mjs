// SDKs that are told no address and know nothing of Gemtap: `node ask_with_sdk.mjs NAME PACKAGE` prints the answer.

const [name, sdk] = process.argv.slice(2);
const found = await import(sdk);

const asks = {
  async genai() {
    const ai = new found.GoogleGenAI({ apiKey: "canary" });
    return (await ai.models.generateContent({ model: "gemini-2.5-flash", contents: "hello" })).text;
  },
  async openai() {
    const client = new found.default({ apiKey: "sk-canary" });
    return (await client.chat.completions.create({ model: "gpt-5", messages: [{ role: "user", content: "hello" }] })).choices;
  },
  async anthropic() {
    const client = new found.default({ apiKey: "sk-ant-canary" });
    const messages = [{ role: "user", content: "hello" }];
    return (await client.messages.create({ model: "claude-sonnet-4-6", max_tokens: 500, messages })).content;
  },
};

console.log(JSON.stringify(await asks[name]()));
