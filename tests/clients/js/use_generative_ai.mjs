// What @google/generative-ai, the SDK before @google/genai, sees: `node use_generative_ai.mjs BASE_URL TASK...`.

import { GoogleGenerativeAI, SchemaType } from "@google/generative-ai";

const [baseUrl, ...wanted] = process.argv.slice(2);
const ai = new GoogleGenerativeAI("AIzaSyCanary-0123456789_abcdefghijklmnop");
const parameters = { type: SchemaType.OBJECT, properties: { city: { type: SchemaType.STRING } }, required: ["city"] };
const tools = [{ functionDeclarations: [{ name: "weather", description: "The weather in a city.", parameters }] }];

function model(options = {}) {
  return ai.getGenerativeModel({ model: "gemini-2.5-flash", ...options }, { baseUrl });
}

const tasks = {
  async generate() {
    return (await model().generateContent("Why is the sky blue?")).response;
  },

  async stream() {
    const { stream, response } = await model().generateContentStream("Tell a story");
    const texts = [];
    for await (const chunk of stream) texts.push(chunk.text());
    return [texts, await response];
  },

  async chat_with_a_call() {
    const chat = model({ tools }).startChat();
    const first = (await chat.sendMessage("Call the weather tool for Paris.")).response;
    const [{ name }] = first.functionCalls();
    const second = await chat.sendMessage([{ functionResponse: { name, response: { result: "sunny" } } }]);
    return [first, second.response];
  },

  async count_tokens() {
    return model().countTokens("How many are these?");
  },

  async an_error() {
    const error = await model({ model: "error-429" }).generateContent("Too much?").catch((e) => e);
    return [error.name, error.status, error.statusText, error.errorDetails];
  },
};

const seen = {};
for (const task of wanted) seen[task] = await tasks[task]();
console.log(JSON.stringify(seen));
